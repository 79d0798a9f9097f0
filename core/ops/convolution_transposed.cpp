// With the convolution y' = x' ⋆ w:  forward y = dx' for dy' = x, plus bias      dx = dy ⋆ w      dw: x' = dy, dy' = x
#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/spatial.h>
#include <joist/core/ops/windows.h>

namespace joist {
namespace {

using Options = TransposedConvolutionOptions;

Options per_axis(const char* op, const Options& given, int spatial) {
  return {.stride = per_axis(op, "stride", given.stride, spatial),
          .padding = per_axis(op, "padding", given.padding, spatial),
          .output_padding = per_axis(op, "output_padding", given.output_padding, spatial),
          .dilation = per_axis(op, "dilation", given.dilation, spatial),
          .groups = given.groups};
}

// The result's shape.
Shape transposed(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& o,
                 int spatial) {
  require_rank(op, x, 2 + spatial, picture_axes(spatial));
  require_rank(op, weight, 2 + spatial, "[in, out/groups, one length per spatial axis]");
  require_floating(op, x);
  require_same_kind(op, x, weight);
  if (o.groups < 1 || weight.shape(0) != x.shape(1) || x.shape(1) % o.groups != 0)
    throw ShapeError(
        {.where = op,
         .what =
             "input " + x.shape().text() + ", weight " + weight.shape().text() + ", groups " + std::to_string(o.groups),
         .expected = "weight [in, out/groups, ...] with in = " + std::to_string(x.shape(1)) + ", divisible by groups",
         .remedy = "an input of " + std::to_string(weight.shape(0)) +
                   " channels; permute() one whose channels are not axis 1"});
  if (bias.defined()) require_vector(op, "bias", bias, weight.shape(1) * o.groups);
  Shape shape = x.shape().with(1, weight.shape(1) * o.groups);
  for (int i = 0; i < spatial; ++i) {
    if (o.stride[i] < 1 || o.dilation[i] < 1 || o.padding[i] < 0 || o.output_padding[i] < 0 ||
        o.output_padding[i] >= std::max(o.stride[i], o.dilation[i]))
      throw ShapeError({.where = op,
                        .what = "stride " + o.stride.text() + ", dilation " + o.dilation.text() + ", padding " +
                                o.padding.text() + ", output_padding " + o.output_padding.text(),
                        .expected = "stride and dilation at least 1, padding at least 0, output_padding from 0 to "
                                    "below the stride or the dilation",
                        .remedy = "pad() the result where output_padding is not enough"});
    shape[2 + i] = (x.shape(2 + i) - 1) * o.stride[i] - 2 * o.padding[i] + o.dilation[i] * (weight.shape(2 + i) - 1) +
                   o.output_padding[i] + 1;
    if (shape[2 + i] < 1 || x.shape(2 + i) < 1 || weight.shape(2 + i) < 1)
      throw ShapeError({.where = op,
                        .what = "nothing is left of input " + x.shape().text() + ", weight " + weight.shape().text() +
                                " with padding " + o.padding.text(),
                        .expected = "at least one pixel along every axis",
                        .remedy = "less padding"});
  }
  return shape;
}

Array per_channel(const Array& vector, int rank) {
  Array spread = vector.inserted(0);
  while (spread.rank() < rank) spread = spread.inserted(spread.rank());
  return spread;
}

// Two or three spatial axes, checked; output_padding below the stride, so that a convolution of the result has x's
// size.
Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& o, const Shape& shape) {
  const auto& table = kernels_of<ConvolutionKernels>(x.value());
  const ConvolutionOptions options{
      .stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups};
  Array y = Array::like(x.value(), shape);
  table.backward_input(x.value(), weight.value(), options, {y, false});
  if (bias.defined())
    kernels_of<ElementwiseKernels>(y).copy(per_channel(bias.value(), y.rank()).expanded(shape), {y, true});
  return record({Op::convolution_transposed, o}, {x, weight, bias}, std::move(y),
                [x = saved(x).when(weight), w = saved(weight).when(x), options, &table](const Array& dy, Node& node) {
                  if (node.wants(0)) table.forward(dy, w, Array(), options, node.slot(0));
                  if (node.wants(1)) table.backward_weight(dy, x, options, node.slot(1), Out{});
                  if (!node.wants(2)) return;
                  const Out db = node.slot(2);
                  kernels_of<ReductionKernels>(dy).sum(dy, 1.0, {per_channel(db.array, dy.rank()), db.accumulate});
                });
}

Tensor convolution(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& given,
                   int spatial) {
  if (wants_halves({x, weight, bias})) return convolution(op, halved(x), halved(weight), halved(bias), given, spatial);
  Options o = per_axis(op, given, spatial);
  Shape shape = transposed(op, x, weight, bias, o, spatial);
  const auto inserted = [&](const Shape& option, std::int64_t value) {
    return spatial == 1 ? option.inserted(0, value) : option;
  };
  const Options flat{.stride = inserted(o.stride, 1),
                     .padding = inserted(o.padding, 0),
                     .output_padding = inserted(o.output_padding, 0),
                     .dilation = inserted(o.dilation, 1),
                     .groups = o.groups};
  const auto flattened = [&](const Tensor& t) { return spatial == 1 ? reshape(t, t.shape().inserted(2, 1)) : t; };
  bool direct = true;
  for (int i = 0; i < spatial; ++i) direct = direct && o.output_padding[i] < o.stride[i];
  if (direct) {
    const Tensor y = convolve(flattened(x), flattened(weight), bias, flat, spatial == 1 ? shape.inserted(2, 1) : shape);
    return spatial == 1 ? reshape(y, shape) : y;
  }
  // Computed in full, then cut or widened.
  const int axes = flat.stride.rank();
  Options full = flat;
  full.padding = full.output_padding = Shape::filled(axes, 0);
  PadOptions around{Shape::filled(2 + axes, 0), Shape::filled(2 + axes, 0)};
  Shape whole = spatial == 1 ? shape.inserted(2, 1) : shape;
  for (int i = 0; i < axes; ++i) {
    around.before[2 + i] = -flat.padding[i];
    around.after[2 + i] = flat.output_padding[i] - flat.padding[i];
    whole[2 + i] += 2 * flat.padding[i] - flat.output_padding[i];
  }
  Tensor y = reshape(pad(convolve(flattened(x), flattened(weight), {}, full, whole), around), shape);
  if (!bias.defined()) return y;
  Shape channels = Shape::filled(2 + spatial, 1);
  channels[1] = shape[1];
  return y + reshape(bias, channels);
}

}  // namespace

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& options) {
  return convolution("conv_transpose1d", x, weight, bias, options, 1);
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& options) {
  return convolution("conv_transpose2d", x, weight, bias, options, 2);
}
Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Options& options) {
  return convolution("conv_transpose3d", x, weight, bias, options, 3);
}

}  // namespace joist
