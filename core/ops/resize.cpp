// y[i, j] = x[⌊i · in/out⌋, ⌊j · in/out⌋]      dx[p, q] = Σ dy over the pixels that read it
#include <joist/core/kernels/resize.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/resize.h>

namespace joist {

Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_rank("interpolate", x, 4, "[batch, channel, height, width]");
  if (height < 1 || width < 1 || x.shape(2) < 1 || x.shape(3) < 1)
    throw ShapeError({.where = "interpolate",
                      .what = x.shape().text() + " to " + std::to_string(height) + " × " + std::to_string(width),
                      .expected = "at least one pixel on both sides"});
  const auto& table = kernels_of<ResizeKernels>(x.value());
  Array y = Array::like(x.value(), {x.shape(0), x.shape(1), height, width});
  table.nearest(x.value(), {y, false});
  return record({Op::resize_nearest}, {x}, std::move(y),
                [&table](const Array& dy, Node& node) { table.nearest_backward(dy, node.slot(0)); });
}

}  // namespace joist
