// y = x ⋆ w + bias      dx = dy ⋆ flipped w      dw = x ⋆ dy      dbias = sum of dy over batch, height, width
#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>

namespace joist {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options) {
  if (wants_autocast({x, weight, bias})) {
    const auto cast = [](const Tensor& t) { return t.defined() ? to(t, Dtype::bfloat16) : t; };
    return to(conv2d(cast(x), cast(weight), cast(bias), options), Dtype::float32);
  }
  require_rank("conv2d", x, 4, "[batch, channel, height, width]");
  require_rank("conv2d", weight, 4, "[out, in/groups, kernel_height, kernel_width]");
  require_same_kind("conv2d", x, weight);
  if (options.groups < 1 || weight.shape(1) * options.groups != x.shape(1) || weight.shape(0) % options.groups != 0)
    throw ShapeError({.where = "conv2d",
                      .what = "input " + x.shape().text() + ", weight " + weight.shape().text() + ", groups " +
                              std::to_string(options.groups),
                      .expected = "weight [out, in/groups, kernel_height, kernel_width] with in = " +
                                  std::to_string(x.shape(1)) + " and out divisible by groups"});
  if (bias.defined()) require_vector("conv2d", "bias", bias, weight.shape(0));
  Shape shape{x.shape(0), weight.shape(0), 0, 0};
  for (int i = 0; i < 2; ++i) {
    if (options.stride[i] < 1 || options.dilation[i] < 1 || options.padding[i] < 0)
      throw ShapeError({.where = "conv2d",
                        .what = "stride " + options.stride.text() + ", dilation " + options.dilation.text() +
                                ", padding " + options.padding.text(),
                        .expected = "stride and dilation at least 1, padding at least 0"});
    const std::int64_t window = options.dilation[i] * (weight.shape(2 + i) - 1) + 1;
    const std::int64_t room = x.shape(2 + i) + 2 * options.padding[i] - window;
    if (room < 0)
      throw ShapeError({.where = "conv2d",
                        .what = "a window of " + std::to_string(window) + " does not fit input " + x.shape().text() +
                                " with padding " + options.padding.text(),
                        .remedy = "a larger picture or fewer strides"});
    shape[2 + i] = room / options.stride[i] + 1;
  }
  const auto& table = kernels_of<ConvolutionKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  table.forward(x.value(), weight.value(), bias.defined() ? bias.value() : Array(), options, {y, false});
  return record({Op::convolution, options}, {x, weight, bias}, std::move(y),
                [x = saved(x), w = saved(weight).when(x), options, &table](const Array& dy, Node& node) {
                  if (node.wants(0)) table.backward_input(dy, w, options, node.slot(0));
                  if (node.wants(1)) {
                    table.backward_weight(x, dy, options, node.slot(1), node.slot(2));
                  } else if (node.wants(2)) {
                    const Out db = node.slot(2);
                    const Array spread = db.array.inserted(0).inserted(2).inserted(3);
                    kernels_of<ReductionKernels>(dy).sum(dy, 1.0, {spread, db.accumulate});
                  }
                });
}

}  // namespace joist
