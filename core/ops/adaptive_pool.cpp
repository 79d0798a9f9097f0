// average: y = mean over the part      dx += dy / part, spread over the part
// maximum: y = max over the part       dx[argmax] += dy
#include <joist/core/kernels/pooling.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/spatial.h>

namespace joist {
namespace {

Shape adapted(const char* op, const Tensor& x, const Shape& given, int spatial) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_floating(op, x);
  const Shape size = per_axis(op, "output_size", given, spatial);
  Shape shape = x.shape();
  for (int i = 0; i < spatial; ++i) {
    if (size[i] < -1 || (x.shape(2 + i) < 1 && size[i] > 0))
      throw ShapeError({.where = op,
                        .what = "input " + x.shape().text() + " to " + size.text(),
                        .expected = "lengths from 0, or -1 to keep one, of an input that is not empty",
                        .remedy = "1 for one value per channel"});
    if (size[i] >= 0) shape[2 + i] = size[i];
  }
  return shape;
}

Tensor average(const char* op, const Tensor& x, const Shape& size, int spatial) {
  const Shape shape = adapted(op, x, size, spatial);
  const auto& table = kernels_of<PoolKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  table.adaptive_average(x.value(), {y, false});
  return record({Op::adaptive_average_pool, ShapeAttribute{shape}}, {x}, std::move(y),
                [&table](const Array& dy, Node& node) { table.adaptive_average_backward(dy, node.slot(0)); });
}

std::pair<Tensor, Tensor> maximum(const char* op, const Tensor& x, const Shape& size, int spatial) {
  const Shape shape = adapted(op, x, size, spatial);
  const auto& table = kernels_of<PoolKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  const Array index = Array::empty(shape, Dtype::int64, x.device(), y.order());
  table.adaptive_maximum(x.value(), {y, false}, index);
  return {record({Op::adaptive_max_pool, ShapeAttribute{shape}}, {x}, std::move(y),
                 [index = saved(index), &table](const Array& dy, Node& node) {
                   table.place(dy, index, true, node.slot(0));
                 }),
          Tensor(index)};
}

}  // namespace

Tensor adaptive_avg_pool1d(const Tensor& x, const Shape& size) { return average("adaptive_avg_pool1d", x, size, 1); }
Tensor adaptive_avg_pool2d(const Tensor& x, const Shape& size) { return average("adaptive_avg_pool2d", x, size, 2); }
Tensor adaptive_avg_pool3d(const Tensor& x, const Shape& size) { return average("adaptive_avg_pool3d", x, size, 3); }
std::pair<Tensor, Tensor> adaptive_max_pool1d_with_indices(const Tensor& x, const Shape& size) {
  return maximum("adaptive_max_pool1d", x, size, 1);
}
std::pair<Tensor, Tensor> adaptive_max_pool2d_with_indices(const Tensor& x, const Shape& size) {
  return maximum("adaptive_max_pool2d", x, size, 2);
}
std::pair<Tensor, Tensor> adaptive_max_pool3d_with_indices(const Tensor& x, const Shape& size) {
  return maximum("adaptive_max_pool3d", x, size, 3);
}
Tensor adaptive_max_pool1d(const Tensor& x, const Shape& size) {
  return adaptive_max_pool1d_with_indices(x, size).first;
}
Tensor adaptive_max_pool2d(const Tensor& x, const Shape& size) {
  return adaptive_max_pool2d_with_indices(x, size).first;
}
Tensor adaptive_max_pool3d(const Tensor& x, const Shape& size) {
  return adaptive_max_pool3d_with_indices(x, size).first;
}

}  // namespace joist
