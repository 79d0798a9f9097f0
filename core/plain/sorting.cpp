#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// Is `a` before `b` in ascending order? NaN comes last.
bool before(double a, double b) { return a < b || (!std::isnan(a) && std::isnan(b)); }

// Every element's place is the number of elements that come before it.
void sort(const Array& x, int axis, bool descending, const Array& y, const Array& index) {
  const Array values = zeros(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) {
    std::int64_t place = 0;
    for (std::int64_t k = 0; k < x.shape(axis); ++k) {
      const double own = at(x, i), other = at(x, i.with(axis, k));
      const bool first = descending ? before(own, other) : before(other, own);
      const bool last = descending ? before(other, own) : before(own, other);
      place += first || (!last && k < i[axis]) ? 1 : 0;
    }
    at(values, i.with(axis, place)) = at(x, i);
    at<std::int64_t>(index, i.with(axis, place)) = i[axis];
  });
  put({y}, values);
}

void search(const Array& sequence, const Array& values, bool right, const Array& index) {
  for_each_index(values.shape(), [&](const Shape& i) {
    std::int64_t place = 0;
    for (std::int64_t k = 0; k < sequence.shape(-1); ++k) {
      const double other = at(sequence, sequence.rank() == 1 ? Shape{k} : i.with(-1, k));
      place += (right ? !before(at(values, i), other) : before(other, at(values, i))) ? 1 : 0;
    }
    at<std::int64_t>(index, i) = place;
  });
}

void count(const Array& x, const Array& weights, const Array& total) {
  for_each_index(x.shape(), [&](const Shape& i) {
    const Shape bin{at<std::int64_t>(x, i)};
    if (weights.defined()) {
      at(total, bin) += at(weights, i);
    } else {
      at<std::int64_t>(total, bin) += 1;
    }
  });
}

}  // namespace

void fill(SortingKernels& kernels) {
  kernels.sort = sort;
  kernels.search = search;
  kernels.count = count;
}

}  // namespace joist::plain
