// Sorting: each line copied into (value, place) pairs and sorted there. Searching: bisection. Counting: one thread.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace joist {
namespace {

// Is `a` before `b` in ascending order? NaN comes last.
template <class T>
bool before(T a, T b) {
  return a < b || (a == a && b != b);
}

void sort(const Array& x, int axis, bool descending, const Array& y, const Array& index) {
  with_number(x.dtype(), "sort", [&]<class T>(T) {
    const std::int64_t n = x.shape(axis);
    const std::int64_t ys = y.strides()[axis], xs = x.strides()[axis], is = index.strides()[axis];
    for_each_line(x.shape(), axis, {&y, &x, &index}, 1024 / std::max<std::int64_t>(1, n),
                  [&](const StridedAxes::Offsets& at) {
                    const T* from = x.data<T>() + at[1];
                    std::vector<std::pair<T, std::int64_t>> line(static_cast<std::size_t>(n));
                    for (std::int64_t i = 0; i < n; ++i) line[static_cast<std::size_t>(i)] = {from[i * xs], i};
                    // The places break ties, which makes any sort a stable one.
                    std::sort(line.begin(), line.end(), [descending](const auto& a, const auto& b) {
                      if (before(a.first, b.first)) return !descending;
                      if (before(b.first, a.first)) return descending;
                      return a.second < b.second;
                    });
                    T* to = y.data<T>() + at[0];
                    auto* where = index.data<std::int64_t>() + at[2];
                    for (std::int64_t i = 0; i < n; ++i) {
                      to[i * ys] = line[static_cast<std::size_t>(i)].first;
                      where[i * is] = line[static_cast<std::size_t>(i)].second;
                    }
                  });
  });
}

void search(const Array& sequence, const Array& values, bool right, const Array& index) {
  with_number(values.dtype(), "searchsorted", [&]<class T>(T) {
    const std::int64_t n = sequence.shape(-1), step = sequence.strides()[-1];
    // The sequence's first element for every value: rows of the sequence go with rows of the values.
    Shape shape = values.shape();
    Strides strides = Shape::filled(shape.rank(), 0);
    if (sequence.rank() > 1)
      for (int i = 0; i + 1 < shape.rank(); ++i) strides[i] = sequence.strides()[i];
    const Array rows = sequence.strided(shape, strides);
    const T *sorted = sequence.data<T>(), *wanted = values.data<T>();
    auto* to = index.data<std::int64_t>();
    for_each_element(shape, {&index, &values, &rows}, [&](const StridedAxes::Offsets& at) {
      const T* row = sorted + at[2];
      const T value = wanted[at[1]];
      std::int64_t low = 0, high = n;
      while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const T other = row[middle * step];
        if (right ? !before(value, other) : before(other, value)) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      to[at[0]] = low;
    });
  });
}

void count(const Array& x, const Array& weights, const Array& total) {
  const auto* bins = x.data<std::int64_t>();
  const std::int64_t step = total.strides()[0];
  const auto each = [&](auto* sums, const auto& amount) {
    for_each_index(x.shape(), [&](const Shape& i) { sums[bins[offset_of(i, x.strides())] * step] += amount(i); });
  };
  if (!weights.defined()) return each(total.data<std::int64_t>(), [](const Shape&) { return std::int64_t{1}; });
  with_floating(total.dtype(), "bincount", [&]<class T>(T) {
    const T* amounts = weights.data<T>();
    // In double: a bin may add up many small weights.
    std::vector<double> sums(static_cast<std::size_t>(total.elements()));
    for_each_index(x.shape(), [&](const Shape& i) {
      sums[static_cast<std::size_t>(bins[offset_of(i, x.strides())])] +=
          static_cast<double>(amounts[offset_of(i, weights.strides())]);
    });
    T* to = total.data<T>();
    for (std::size_t bin = 0; bin < sums.size(); ++bin)
      to[static_cast<std::int64_t>(bin) * step] += static_cast<T>(sums[bin]);
  });
}

}  // namespace

void fill_sorting(Kernels& table) {
  table.sorting.sort = sort;
  table.sorting.search = search;
  table.sorting.count = count;
}

}  // namespace joist
