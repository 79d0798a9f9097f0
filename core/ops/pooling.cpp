// maximum: y = max over the window      dx[argmax] += dy
// average: y = mean over the window     dx += dy / window, spread over the window
#include <joist/core/kernels/pooling.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/reduction.h>

namespace joist {
namespace {

Shape pooled(const char* op, const Tensor& x, const PoolOptions& options) {
  require_rank(op, x, 4, "[batch, channel, height, width]");
  Shape shape = x.shape();
  for (int i = 0; i < 2; ++i) {
    if (options.kernel[i] < 1 || options.stride[i] < 1 || options.padding[i] < 0 ||
        options.padding[i] * 2 > options.kernel[i])
      throw ShapeError({.where = op,
                        .what = "kernel " + options.kernel.text() + ", stride " + options.stride.text() + ", padding " +
                                options.padding.text(),
                        .expected = "kernel and stride at least 1, padding at most half the kernel"});
    const std::int64_t room = x.shape(2 + i) + 2 * options.padding[i] - options.kernel[i];
    if (room < 0)
      throw ShapeError(
          {.where = op, .what = "kernel " + options.kernel.text() + " does not fit input " + x.shape().text()});
    shape[2 + i] = room / options.stride[i] + 1;
  }
  return shape;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& options) {
  const Shape shape = pooled("max_pool2d", x, options);
  const auto& table = kernels_of<PoolKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  Array index = Array::empty(shape, Dtype::int32, x.device(), y.order());
  table.maximum(x.value(), options, {y, false}, index);
  return record({Op::max_pool, options}, {x}, std::move(y),
                [index = saved(index), options, &table](const Array& dy, Node& node) {
                  table.maximum_backward(dy, index, options, node.slot(0));
                });
}

Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  const Shape shape = pooled("avg_pool2d", x, options);
  const auto& table = kernels_of<PoolKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  table.average(x.value(), options, {y, false});
  return record({Op::average_pool, options}, {x}, std::move(y),
                [options, &table](const Array& dy, Node& node) { table.average_backward(dy, options, node.slot(0)); });
}

Tensor global_average_pool(const Tensor& x) {
  require_rank("global_average_pool", x, 4, "[batch, channel, height, width]");
  return mean(x, {2, 3}, true);
}

}  // namespace joist
