#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// The element of the small picture that an index of the large one shows.
Shape source(const Shape& index, const Shape& from, const Shape& to) {
  return {index[0], index[1], index[2] * from[2] / to[2], index[3] * from[3] / to[3]};
}

void nearest(const Array& x, const Out& y) {
  const Shape& shape = y.array.shape();
  for_each_index(shape, [&](const Shape& i) { put(y, i, at(x, source(i, x.shape(), shape))); });
}

void nearest_backward(const Array& dy, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(), [&](const Shape& i) { at(total, source(i, total.shape(), dy.shape())) += at(dy, i); });
  put(dx, total);
}

}  // namespace

void fill(ResizeKernels& kernels) {
  kernels.nearest = nearest;
  kernels.nearest_backward = nearest_backward;
}

}  // namespace joist::plain
