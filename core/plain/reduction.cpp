#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

void sum(const Array& x, double scale, const Out& y) {
  const Array total = zeros(y.array.shape()), wide = total.expanded(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) { at(wide, i) += scale * at(x, i); });
  put(y, total);
}

void maximum(const Array& x, int axis, const Out& y, const Array& index) {
  for_each_index(x.shape().with(axis, 1), [&](const Shape& i) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < x.shape(axis); ++k)
      if (beats(at(x, i.with(axis, k)), at(x, i.with(axis, best)))) best = k;
    put(y, i, at(x, i.with(axis, best)));
    at<std::int64_t>(index, i) = best;
  });
}

}  // namespace

void fill(ReductionKernels& kernels) {
  kernels.sum = sum;
  kernels.maximum = maximum;
}

}  // namespace joist::plain
