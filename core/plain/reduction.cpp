#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

void sum(const Array& x, double scale, const Out& y) {
  const Array total = zeros(y.array.shape()), wide = total.expanded(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) { at(wide, i) += scale * at(x, i); });
  put(y, total);
}

template <bool largest>
void extreme(const Array& x, int axis, const Out& y, const Array& index) {
  for_each_index(x.shape().with(axis, 1), [&](const Shape& i) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < x.shape(axis); ++k) {
      const double challenger = at(x, i.with(axis, k)), holder = at(x, i.with(axis, best));
      if (largest ? beats(challenger, holder) : beats(-challenger, -holder)) best = k;
    }
    put(y, i, at(x, i.with(axis, best)));
    at<std::int64_t>(index, i) = best;
  });
}

void product(const Array& x, int axis, const Out& y) {
  const Array result = zeros(y.array.shape());
  for_each_index(y.array.shape(), [&](const Shape& i) {
    double total = 1;
    for (std::int64_t k = 0; k < x.shape(axis); ++k) total *= at(x, i.with(axis, k));
    at(result, i) = total;
  });
  put(y, result);
}

void product_backward(const Array& x, const Array& dy, int axis, const Out& dx) {
  const Array result = zeros(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) {
    double others = 1;
    for (std::int64_t k = 0; k < x.shape(axis); ++k)
      if (k != i[axis]) others *= at(x, i.with(axis, k));
    at(result, i) = at(dy, i.with(axis, 0)) * others;
  });
  put(dx, result);
}

}  // namespace

void fill(ReductionKernels& kernels) {
  kernels.sum = sum;
  kernels.maximum = extreme<true>;
  kernels.minimum = extreme<false>;
  kernels.product = product;
  kernels.product_backward = product_backward;
}

}  // namespace joist::plain
