// Lines of up to 2048 elements are sorted in shared memory. Of longer ones such parts are, and then merged by twos,
// where every element finds its place by halving the other run. Places decide between equals, which makes the sort a
// stable one whose result is always the same.
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/sorted.h>
#include <joist/cuda/sorting.h>
#include <joist/cuda/types.h>

#include <bit>
#include <vector>

namespace joist::cuda {
namespace {

constexpr int part_bits = 11;
constexpr std::int64_t part_length = std::int64_t{1} << part_bits;

// Is `a` before `b` in ascending order? NaN comes last.
template <class T>
JOIST_DEVICE bool before(T a, T b) {
  return a < b || (a == a && b != b);
}
/// The same in either direction; of equals none is.
template <class T>
JOIST_DEVICE bool ahead(T a, T b, bool descending) {
  return descending ? before(b, a) : before(a, b);
}

/// Lines of values, and where each value came from.
struct Run {
  Array values, places;
};

// A block per part of a line: Batcher's bitonic sort (1968) over the next power of two, what is beyond the part last.
template <class T>
struct SortParts {
  Lines<3> lines;
  Elements x, y;
  Typed<std::int64_t> index;
  std::int64_t parts;  // of a line
  int room;
  bool descending;

  JOIST_DEVICE bool first(T a, int a_place, T b, int b_place, int count) const {
    if (a_place >= count || b_place >= count) return a_place < b_place;
    if (ahead(a, b, descending)) return true;
    return !ahead(b, a, descending) && a_place < b_place;
  }
  JOIST_DEVICE void operator()(Block& block) const {
    const auto values = block.shared<T>(room);
    const auto places = block.shared<int>(room);
    for (std::int64_t work = block.index(); work < lines.walk.count() * parts; work += block.count()) {
      const auto base = lines.walk(work / parts);
      const std::int64_t start = work % parts * part_length, left = lines.length - start;
      const int count = left < part_length ? static_cast<int>(left) : static_cast<int>(part_length);
      for (int i = block.thread(); i < room; i += block.threads()) {
        values[i] = i < count ? x.get<T>(base.at[0] + (start + i) * lines.step[0]) : T(0);
        places[i] = i;
      }
      block.sync();
      for (int size = 2; size <= room; size *= 2)
        for (int apart = size / 2; apart > 0; apart /= 2) {
          for (int pair = block.thread(); pair < room / 2; pair += block.threads()) {
            const int low = 2 * pair - (pair & (apart - 1)), high = low + apart;
            const T a = values[low], b = values[high];
            const int a_place = places[low], b_place = places[high];
            const bool rises = (low & size) == 0;
            if (first(b, b_place, a, a_place, count) != rises) continue;
            values[low] = b, values[high] = a;
            places[low] = b_place, places[high] = a_place;
          }
          block.sync();
        }
      for (int i = block.thread(); i < count; i += block.threads()) {
        const T value = values[i];
        const int place = places[i];
        y.set(base.at[1] + (start + i) * lines.step[1], value);
        index.set(base.at[2] + (start + i) * lines.step[2], start + place);
      }
      // No barrier: what a thread has read it overwrites itself.
    }
  }
};

constexpr std::int64_t in_units(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

template <class T>
void sort_parts(const Array& x, bool descending, const Run& y) {
  const int last = x.rank() - 1;
  const Lines<3> lines(last, {&x, &y.values, &y.places});
  const std::int64_t parts = (lines.length + part_length - 1) / part_length;
  const auto room = static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::min(lines.length, part_length))));
  launch("sort",
         {.blocks = std::min(lines.walk.count() * parts, most_blocks),
          .threads = std::clamp(room / 2, 32, threads_per_block),
          .shared_bytes = in_units(room * static_cast<std::int64_t>(sizeof(T))) + in_units(room * 4)},
         SortParts<T>{lines, Elements(x), Elements(y.values), Typed<std::int64_t>(y.places), parts, room, descending});
}

// Sorted runs of 2^bits elements become runs of twice as many.
template <class T>
void merge_runs(const Run& x, int bits, bool descending, const Run& y) {
  const Lines<4> lines(x.values.rank() - 1, {&x.values, &x.places, &y.values, &y.places});
  const Elements from(x.values), to(y.values);
  const Typed<std::int64_t> from_place(x.places), to_place(y.places);
  each("sort_merge", lines.walk.count() * lines.length, [=] JOIST_DEVICE(std::int64_t i) {
    const auto base = lines.walk(i / lines.length);
    const std::int64_t at = i % lines.length, run = at >> bits, other = run ^ 1;
    const bool second = (run & 1) != 0;
    const T own = from.get<T>(base.at[0] + at * lines.step[0]);
    // Those of the other run that come first: of equals the first run's.
    const std::int64_t begin = other << bits, stop = (other + 1) << bits;
    std::int64_t low = begin, high = stop < lines.length ? stop : lines.length;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      const T value = from.get<T>(base.at[0] + middle * lines.step[0]);
      if (second ? !ahead(own, value, descending) : ahead(value, own, descending))
        low = middle + 1;
      else
        high = middle;
    }
    const std::int64_t target = at - (second ? std::int64_t{1} << bits : 0) + (low - begin);
    to.set(base.at[2] + target * lines.step[2], own);
    to_place.set(base.at[3] + target * lines.step[3], from_place[base.at[1] + at * lines.step[1]]);
  });
}

template <class T>
void sort_as(const Array& x, bool descending, const Run& y) {
  const std::int64_t length = x.shape(-1);
  const auto fresh = [&] {
    return Run{Array::empty(x.shape(), x.dtype(), x.device()), Array::empty(x.shape(), Dtype::int64, x.device())};
  };
  if (length <= part_length) return sort_parts<T>(x, descending, y);
  Run now = fresh(), next;
  sort_parts<T>(x, descending, now);
  for (int bits = part_bits; std::int64_t{1} << bits < length; ++bits) {
    const bool last = std::int64_t{2} << bits >= length;
    if (!last && !next.values.defined()) next = fresh();
    merge_runs<T>(now, bits, descending, last ? y : next);
    std::swap(now, next);
  }
}

void sort(const Array& x, int axis, bool descending, const Array& y, const Array& index) {
  if (x.elements() == 0) return;
  std::vector<int> axes;
  for (int other = 0; other < x.rank(); ++other)
    if (other != axis) axes.push_back(other);
  axes.push_back(axis);
  with_wide_type(x.dtype(), [&](auto type) {
    sort_as<decltype(type)>(x.permuted(axes), descending, {y.permuted(axes), index.permuted(axes)});
  });
}

template <class T>
void search_as(const Array& sequence, const Array& values, bool right, const Array& index) {
  const std::int64_t n = sequence.shape(-1), step = sequence.strides()[-1];
  // The sequence's first element for every value: rows of the sequence go with rows of the values.
  Strides strides = Shape::filled(values.rank(), 0);
  if (sequence.rank() > 1)
    for (int i = 0; i + 1 < values.rank(); ++i) strides[i] = sequence.strides()[i];
  const Array rows = sequence.strided(values.shape(), strides);
  const Elements sorted(sequence), wanted(values);
  const Typed<std::int64_t> to(index);
  const Walk<3> walk(values.shape(), {&rows, &values, &index});
  each("searchsorted", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const T value = wanted.get<T>(places.at[1]);
    std::int64_t low = 0, high = n;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      const T other = sorted.get<T>(places.at[0] + middle * step);
      if (right ? !before(value, other) : before(other, value))
        low = middle + 1;
      else
        high = middle;
    }
    to.set(places.at[2], low);
  });
}
void search(const Array& sequence, const Array& values, bool right, const Array& index) {
  with_wide_type(values.dtype(), [&](auto type) { search_as<decltype(type)>(sequence, values, right, index); });
}

// A block per bin adds the weights of those that were sorted to it.
struct BinSums {
  Typed<std::int64_t> bins, places;
  std::int64_t elements;
  Walk<1> weight;
  Elements weights, total;
  std::int64_t count, step;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<double>(32);
    for (std::int64_t bin = block.index(); bin < count; bin += block.count()) {
      const std::int64_t begin = first_at_least(bins, 0, elements, bin),
                         end = first_at_least(bins, begin, elements, bin + 1);
      double own = 0;
      for (std::int64_t i = begin + block.thread(); i < end; i += block.threads())
        own += weights.get<double>(weight(places[i]).at[0]);
      const double sum_of_bin = sum(block, room, own);
      if (block.thread() == 0) total.set(bin * step, total.get<double>(bin * step) + sum_of_bin);
    }
  }
};
void count_weights(const Array& x, const Array& weights, const Array& total) {
  const Array bins = Array::empty({x.elements()}, Dtype::int64, x.device()), sorted = Array::like(bins),
              places = Array::like(bins);
  cuda_kernels().elementwise.copy(x, {bins.view(x.shape())});
  sort(bins, 0, false, sorted, places);
  launch("bincount", {.blocks = std::min(total.elements(), most_blocks), .shared_bytes = fold_bytes<double>},
         BinSums{Typed<std::int64_t>(sorted), Typed<std::int64_t>(places), x.elements(),
                 Walk<1>(weights.shape(), {&weights}), Elements(weights), Elements(total), total.elements(),
                 total.strides()[0]});
}
void count(const Array& x, const Array& weights, const Array& total) {
  if (x.elements() == 0) return;
  if (weights.defined()) return count_weights(x, weights, total);
  const Typed<std::int64_t> bins(x);
  const Region memory = region_of(total);
  const Walk<1> walk(x.shape(), {&x});
  const std::int64_t step = total.strides()[0];
  // Whole numbers: their order does not matter.
  each("bincount", walk.count(),
       [=] JOIST_DEVICE(std::int64_t i) { memory.atomic_add(bins[walk(i).at[0]] * step, 1ULL); });
}

}  // namespace

void fill_sorting(Kernels& table) {
  table.sorting.sort = sort;
  table.sorting.search = search;
  table.sorting.count = count;
}

}  // namespace joist::cuda
