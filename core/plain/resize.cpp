#include <joist/core/plain/resample.h>

#include <algorithm>

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

// PyTorch computes these coordinates in single precision, whatever the element type.
std::int64_t nearest_source(std::int64_t i, std::int64_t from, std::int64_t to, bool exact, double given) {
  const float ratio = given > 0 ? static_cast<float>(1 / given) : static_cast<float>(from) / static_cast<float>(to);
  const float at = exact ? (static_cast<float>(i) + 0.5F) * ratio : static_cast<float>(i) * ratio;
  return std::min(static_cast<std::int64_t>(std::floor(at)), from - 1);
}

Shape source(const Shape& index, const Shape& from, const Shape& to, bool exact, const std::array<double, 3>& scale) {
  Shape result = index;
  for (int i = 2; i < from.rank(); ++i)
    result[i] = nearest_source(index[i], from[i], to[i], exact, scale[static_cast<std::size_t>(i - 2)]);
  return result;
}

void nearest_any(const Array& x, bool exact, const std::array<double, 3>& scale, const Out& y) {
  const Shape& shape = y.array.shape();
  for_each_index(shape, [&](const Shape& i) { put(y, i, at(x, source(i, x.shape(), shape, exact, scale))); });
}

void nearest_any_backward(const Array& dy, bool exact, const std::array<double, 3>& scale, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(),
                 [&](const Shape& i) { at(total, source(i, total.shape(), dy.shape(), exact, scale)) += at(dy, i); });
  put(dx, total);
}

}  // namespace

void fill(ResizeKernels& kernels) {
  kernels.nearest = nearest;
  kernels.nearest_backward = nearest_backward;
  kernels.nearest_any = nearest_any;
  kernels.nearest_any_backward = nearest_any_backward;
  fill_resample(kernels);
}

}  // namespace joist::plain
