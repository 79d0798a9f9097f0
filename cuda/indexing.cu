// No atomic additions: what lands at one place is added by one thread, in ascending order, so that results repeat.
#include <joist/cuda/kernels.h>
#include <joist/cuda/sorted.h>
#include <joist/cuda/sums.h>
#include <joist/cuda/types.h>

namespace joist::cuda {
namespace {

template <class T>
void take_rows_as(const Array& x, const Array& index, const Out& y) {
  const Shape& shape = y.array.shape();
  // Along the first axis the place comes from the index.
  const Array rows = x.sliced(0, 0, std::min<std::int64_t>(x.shape(0), 1)).expanded(shape);
  Strides strides = Shape::filled(shape.rank(), 0);
  strides[0] = index.strides()[0];
  const Array indices = index.strided(shape, strides);
  const std::int64_t apart = x.strides()[0];
  const Elements from(x), to(y.array);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(shape, {&rows, &indices, &y.array});
  const bool accumulate = y.accumulate;
  each("take_rows", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    T value = from.get<T>(places.at[0] + at[places.at[1]] * apart);
    if (accumulate) value = static_cast<T>(value + to.get<T>(places.at[2]));
    to.set(places.at[2], value);
  });
}
void take_rows(const Array& x, const Array& index, const Out& y) {
  if (y.array.elements() == 0) return;
  with_wide_type(x.dtype(), [&](auto type) { take_rows_as<decltype(type)>(x, index, y); });
}

/// Rows of dy by where they go: positions in the order of their indices, cut into chunks.
struct SortedRows {
  static constexpr int chunk = 32, columns_of_block = 128;
  Typed<std::int64_t> index, position;
  std::int64_t rows, chunks;
  JOIST_DEVICE std::int64_t begin(std::int64_t c) const { return c * chunk; }
  JOIST_DEVICE std::int64_t end(std::int64_t c) const { return (c + 1) * chunk < rows ? (c + 1) * chunk : rows; }
  /// Whether the index before place j is that of place j.
  JOIST_DEVICE bool goes_on(std::int64_t j) const { return j > 0 && j < rows && index[j - 1] == index[j]; }
};

// A thread per chunk and column. Sums of indices that lie in one chunk go to dx; what reaches over an edge of the chunk
// to `edges` [chunks, 2, columns]: of the index that it begins within, and of the last one that begins in it.
struct TakeRowsBackward {
  SortedRows sorted;
  Walk<2> row;  // one row of dy and of dx
  std::int64_t dy_apart, dx_apart;
  Floats dy;
  Result dx;
  Typed<float> edges;
  JOIST_DEVICE void operator()(Block& block) const {
    constexpr int together = 4;
    const std::int64_t columns = row.count(), groups = (columns + block.threads() - 1) / block.threads();
    for (std::int64_t item = block.index(); item < sorted.chunks * groups; item += block.count()) {
      const std::int64_t c = item / groups, k = (item - c * groups) * block.threads() + block.thread();
      if (k >= columns) continue;
      const auto places = row(k);
      const std::int64_t begin = sorted.begin(c), end = sorted.end(c);
      std::int64_t now = sorted.index[begin];
      bool from_before = sorted.goes_on(begin);
      Total total;
      for (std::int64_t j = begin; j < end; j += together) {
        float values[together];
        std::int64_t wanted[together];
        JOIST_UNROLL for (int u = 0; u < together; ++u) {
          const std::int64_t at = j + u < end ? j + u : end - 1;
          wanted[u] = sorted.index[at];
          values[u] = dy[places.at[0] + sorted.position[at] * dy_apart];
        }
        JOIST_UNROLL for (int u = 0; u < together; ++u) {
          if (j + u >= end) break;
          if (wanted[u] != now) {
            if (from_before)
              edges.set(2 * c * columns + k, total.value());
            else
              dx.put(places.at[1] + now * dx_apart, total.value());
            from_before = false, now = wanted[u], total = Total{};
          }
          total.add(values[u]);
        }
      }
      if (from_before || sorted.goes_on(end))
        edges.set((2 * c + (from_before ? 0 : 1)) * columns + k, total.value());
      else
        dx.put(places.at[1] + now * dx_apart, total.value());
    }
  }
};
// A block per chunk in which an index begins that goes on in others, and 32 columns: its warps share the chunks.
struct TakeRowsBackwardEdges {
  SortedRows sorted;
  Walk<2> row;
  std::int64_t dx_apart;
  Result dx;
  Typed<float> edges;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(threads_per_block);
    const std::int64_t columns = row.count(), groups = (columns + 31) / 32;
    for (std::int64_t item = block.index(); item < sorted.chunks * groups; item += block.count()) {
      const std::int64_t c = item / groups, k = (item - c * groups) * 32 + block.lane();
      const std::int64_t begin = sorted.begin(c), end = sorted.end(c), wanted = sorted.index[end - 1];
      if (!sorted.goes_on(end) || (sorted.index[begin] == wanted && sorted.goes_on(begin))) continue;
      const std::int64_t stop = first_at_least(sorted.index, end, sorted.rows, wanted + 1),
                         last = (stop - 1) / SortedRows::chunk;
      Total own;
      if (k < columns && block.warp() == 0) own.add(edges[(2 * c + 1) * columns + k]);
      for (std::int64_t other = c + 1 + block.warp(); k < columns && other <= last; other += block.warps())
        own.add(edges[2 * other * columns + k]);
      const float total = sum_of_lane(block, room, own.value());
      if (k < columns && block.warp() == 0) dx.put(row(k).at[1] + wanted * dx_apart, total);
    }
  }
};
void take_rows_backward(const Array& dy, const Array& index, const Out& dx) {
  if (!dx.accumulate) cuda_kernels().elementwise.fill(0, dx.array);
  if (dy.elements() == 0) return;
  const std::int64_t rows = dy.shape(0), chunks = (rows + SortedRows::chunk - 1) / SortedRows::chunk;
  const Array ordered = Array::empty({rows}, Dtype::int64, dy.device()), positions = Array::like(ordered);
  cuda_kernels().sorting.sort(index, 0, false, ordered, positions);
  const SortedRows sorted{Typed<std::int64_t>(ordered), Typed<std::int64_t>(positions), rows, chunks};
  const Walk<2> row(dy.shape().with(0, 1), {&dy, &dx.array});
  const std::int64_t columns = row.count(), dx_apart = dx.array.strides()[0];
  const Array edges = Array::empty({chunks, 2, columns}, Dtype::float32, dy.device());
  const Result to({dx.array, true});
  constexpr int of_block = SortedRows::columns_of_block;
  launch("take_rows_backward",
         {.blocks = std::min(chunks * ((columns + of_block - 1) / of_block), most_blocks),
          .threads = of_block,
          .independent = true},
         TakeRowsBackward{sorted, row, dy.strides()[0], dx_apart, Floats(dy), to, Typed<float>(edges)});
  if (chunks > 1)
    launch("take_rows_backward",
           {.blocks = std::min(chunks * ((columns + 31) / 32), most_blocks),
            .shared_bytes = threads_per_block * static_cast<std::int64_t>(sizeof(float))},
           TakeRowsBackwardEdges{sorted, row, dx_apart, to, Typed<float>(edges)});
}

template <class T>
void gather_as(const Array& x, int axis, const Array& index, const Out& y) {
  // x seen with the index's shape; along the axis the place comes from the index.
  Strides strides = x.strides();
  strides[axis] = 0;
  const Array lines = x.strided(index.shape(), strides);
  const std::int64_t step = x.strides()[axis];
  const Elements from(x), to(y.array);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(index.shape(), {&lines, &index, &y.array});
  const bool accumulate = y.accumulate;
  each("gather", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    T value = from.get<T>(places.at[0] + at[places.at[1]] * step);
    if (accumulate) value = static_cast<T>(value + to.get<T>(places.at[2]));
    to.set(places.at[2], value);
  });
}
void gather(const Array& x, int axis, const Array& index, const Out& y) {
  with_wide_type(x.dtype(), [&](auto type) { gather_as<decltype(type)>(x, axis, index, y); });
}

template <class T>
JOIST_DEVICE bool beats(T challenger, T best) {
  return challenger > best || (challenger != challenger && best == best);
}
template <class T>
JOIST_DEVICE T combined(Scatter how, T target, T value) {
  switch (how) {
    case Scatter::replace: return value;
    case Scatter::add: return target + value;
    case Scatter::multiply: return target * value;
    case Scatter::maximum: return beats(value, target) ? value : target;
    case Scatter::minimum: return beats(-value, -target) ? value : target;
  }
  return value;
}
// Two elements meet only on one line along the axis: a thread per line.
template <class T>
void scatter_as(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  Strides strides = y.strides();
  strides[axis] = 0;
  const Array lines = y.strided(source.shape(), strides);
  const std::int64_t length = source.shape(axis), source_step = source.strides()[axis],
                     index_step = index.strides()[axis], step = y.strides()[axis];
  const Elements from(source), to(y);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(source.shape().with(axis, 1), {&source, &index, &lines});
  each("scatter", walk.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto places = walk(line);
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t place = places.at[2] + at[places.at[1] + i * index_step] * step;
      to.set(place, combined(how, to.get<T>(place), from.get<T>(places.at[0] + i * source_step)));
    }
  });
}
void scatter(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  if (source.elements() == 0) return;
  with_wide_type(source.dtype(), [&](auto type) { scatter_as<decltype(type)>(how, source, axis, index, y); });
}

}  // namespace

void fill_indexing(Kernels& table) {
  table.indexing.take_rows = take_rows;
  table.indexing.take_rows_backward = take_rows_backward;
  table.indexing.gather = gather;
  table.indexing.scatter = scatter;
}

}  // namespace joist::cuda
