// y = x ⋆ w + bias      dx = dy ⋆ flipped w      dw = x ⋆ dy      dbias = sum of dy over batch and space
// One spatial axis is computed as two, the first of length 1.
#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/autocast.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/spatial.h>
#include <joist/core/ops/windows.h>

namespace joist {
namespace {

const char* weight_axes(int spatial) {
  return spatial == 1   ? "[out, in/groups, kernel_length]"
         : spatial == 2 ? "[out, in/groups, kernel_height, kernel_width]"
                        : "[out, in/groups, kernel_depth, kernel_height, kernel_width]";
}

ConvolutionOptions per_axis(const char* op, const ConvolutionOptions& given, int spatial) {
  return {.stride = per_axis(op, "stride", given.stride, spatial),
          .padding = per_axis(op, "padding", given.padding, spatial),
          .dilation = per_axis(op, "dilation", given.dilation, spatial),
          .groups = given.groups};
}

void require_operands(const char* op, const Tensor& x, const Tensor& weight, int spatial) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_rank(op, weight, 2 + spatial, weight_axes(spatial));
  require_floating(op, x);
  require_same_kind(op, x, weight);
}

// The result's shape.
Shape convolved(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const ConvolutionOptions& options, int spatial) {
  require_operands(op, x, weight, spatial);
  if (options.groups < 1 || weight.shape(1) * options.groups != x.shape(1) || weight.shape(0) % options.groups != 0)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", weight " + weight.shape().text() + ", groups " +
                              std::to_string(options.groups),
                      .expected = "weight " + std::string(weight_axes(spatial)) +
                                  " with in = " + std::to_string(x.shape(1)) + " and out divisible by groups",
                      .remedy = "an input of " + std::to_string(weight.shape(1) * options.groups) +
                                " channels; permute() one whose channels are not axis 1"});
  if (bias.defined()) require_vector(op, "bias", bias, weight.shape(0));
  Shape shape = x.shape().with(1, weight.shape(0));
  for (int i = 0; i < spatial; ++i) {
    if (options.stride[i] < 1 || options.dilation[i] < 1 || options.padding[i] < 0)
      throw ShapeError({.where = op,
                        .what = "stride " + options.stride.text() + ", dilation " + options.dilation.text() +
                                ", padding " + options.padding.text(),
                        .expected = "stride and dilation at least 1, padding at least 0",
                        .remedy = "pad() takes negative amounts, interpolate() enlarges"});
    const std::int64_t window = options.dilation[i] * (weight.shape(2 + i) - 1) + 1;
    const std::int64_t room = x.shape(2 + i) + 2 * options.padding[i] - window;
    if (room < 0 || weight.shape(2 + i) < 1)
      throw ShapeError({.where = op,
                        .what = "a window of " + std::to_string(window) + " does not fit input " + x.shape().text() +
                                " with padding " + options.padding.text(),
                        .expected = "a window from 1 to the padded length",
                        .remedy = "a larger picture or fewer strides"});
    shape[2 + i] = room / options.stride[i] + 1;
  }
  return shape;
}

void add_up(const Array& dy, const Out& db) {
  Array spread = db.array.inserted(0);
  while (spread.rank() < dy.rank()) spread = spread.inserted(spread.rank());
  kernels_of<ReductionKernels>(dy).sum(dy, 1.0, {spread, db.accumulate});
}

bool is_product(const ConvolutionOptions& options) {  // where the kernel is 1x1
  return options.groups == 1 && options.stride == Shape{1, 1} && options.padding == Shape{0, 0};
}

// Two or three spatial axes, checked.
Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options,
                const Shape& shape, ChannelSums* sums = nullptr) {
  // In groups there are too few products per number read for bfloat16 to pay, and the conversions cost more.
  const bool half = options.groups == 1 && wants_autocast({x, weight, bias});
  const Array input = operand_of(x.value(), half), kernel = operand_of(weight.value(), half);
  const auto& table = kernels_of<ConvolutionKernels>(input);
  Array y = Array::like(x.value(), shape);
  const FusedConvolutions* device = !half && !bias.defined() && is_product(options) && y.is_channels_last()
                                        ? fused_convolutions(x.device())
                                        : nullptr;
  if (device && !device->take_joined({&input, 1}, kernel)) device = nullptr;
  if (device && sums)
    device->forward_joined({&input, 1}, kernel, y, sums);
  else
    table.forward(input, kernel, bias.defined() ? bias.value() : Array(), options, {y, false});
  return record({Op::convolution, options}, {x, weight, bias}, std::move(y),
                [x = saved(input), w = saved(kernel).when(x), options, half, device, &table](
                    const Array& given, const LateGradient* late, Node& node) {
                  if (const ResultGradient dy = result_gradient(given, late);
                      dy.late && device && node.wants(0) && device->late_pays(w)) {
                    const Out dx = node.slot(0);
                    return device->backward_joined({&x.get(), 1}, w, dy, {&dx, 1}, node.slot(1));
                  }
                  const Array dy = late ? late->compute() : given;
                  const Array factor = operand_of(dy, half);
                  if (node.wants(0)) table.backward_input(factor, w, options, node.slot(0));
                  if (node.wants(1)) {
                    table.backward_weight(x, factor, options, node.slot(1), node.slot(2));
                  } else if (node.wants(2)) {
                    add_up(dy, node.slot(2));
                  }
                });
}

Tensor convolution(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   const ConvolutionOptions& given, int spatial, ChannelSums* sums = nullptr) {
  if (wants_halves({x, weight, bias})) return convolution(op, halved(x), halved(weight), halved(bias), given, spatial);
  const ConvolutionOptions options = per_axis(op, given, spatial);
  const Shape shape = convolved(op, x, weight, bias, options, spatial);
  if (spatial > 1) return convolve(x, weight, bias, options, shape, sums);
  const ConvolutionOptions flat{.stride = options.stride.inserted(0, 1),
                                .padding = options.padding.inserted(0, 0),
                                .dilation = options.dilation.inserted(0, 1),
                                .groups = options.groups};
  const auto flattened = [](const Tensor& t) { return reshape(t, t.shape().inserted(2, 1)); };
  return reshape(convolve(flattened(x), flattened(weight), bias, flat, shape.inserted(2, 1)), shape);
}

Tensor convolution(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
                   const ConvolutionOptions& given, int spatial) {
  if (wants_halves({x, weight, bias}))
    return convolution(op, halved(x), halved(weight), halved(bias), padding, given, spatial);
  ConvolutionOptions options = given;
  options.padding = Shape::filled(spatial, 0);
  options = per_axis(op, options, spatial);
  if (padding == Padding::valid) return convolution(op, x, weight, bias, options, spatial);
  require_operands(op, x, weight, spatial);
  PadOptions around{Shape::filled(2 + spatial, 0), Shape::filled(2 + spatial, 0)};
  bool even = true;
  for (int i = 0; i < spatial; ++i) {
    if (options.stride[i] != 1)
      throw ShapeError({.where = op,
                        .what = "padding same with stride " + options.stride.text(),
                        .expected = "stride 1",
                        .remedy = "padding as numbers"});
    const std::int64_t total = options.dilation[i] * (weight.shape(2 + i) - 1);
    options.padding[i] = total / 2;
    around.before[2 + i] = total / 2;
    around.after[2 + i] = total - total / 2;
    even = even && total % 2 == 0;
  }
  if (even) return convolution(op, x, weight, bias, options, spatial);
  options.padding = Shape::filled(spatial, 0);
  return convolution(op, pad(x, around), weight, bias, options, spatial);
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options) {
  return convolution("conv1d", x, weight, bias, options, 1);
}
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options) {
  return convolution("conv2d", x, weight, bias, options, 2);
}
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options,
              ChannelSums* sums) {
  return convolution("conv2d", x, weight, bias, options, 2, sums);
}
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options) {
  return convolution("conv3d", x, weight, bias, options, 3);
}
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options) {
  return convolution("conv1d", x, weight, bias, padding, options, 1);
}
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options) {
  return convolution("conv2d", x, weight, bias, padding, options, 2);
}
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options) {
  return convolution("conv3d", x, weight, bias, padding, options, 3);
}

}  // namespace joist
