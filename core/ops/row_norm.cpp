// x̂ = (x - mean) / √(variance + ε) per row      y = γ x̂ + β
// dβ = Σ dy      dγ = Σ dy x̂      dx = (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)) / √(variance + ε)
// RMS normalization: the same without the means. Groups of channels are rows; instances are channels of one picture.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/normalization.h>
#include <joist/core/mode.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/normalization.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <limits>

namespace joist {
namespace {

// x and its weights as [rows, n] and [n].
Tensor normalized_rows(const Tensor& rows, const Tensor& weight, const Tensor& bias, const LayerNormOptions& options) {
  const auto& table = kernels_of<LayerNormKernels>(rows.value());
  const std::int64_t count = rows.shape(0);
  // Under Autocast a GPU's kernel writes what the product behind would round anyway.
  const bool halves = rows.dtype() == Dtype::float32 && rows.device().kind == Device::Kind::cuda &&
                      Autocast::halves_results(rows.device());
  Array y = halves ? Array::empty(rows.shape(), Dtype::bfloat16, rows.device()) : Array::like(rows.value());
  const Dtype wide = is_half(rows.dtype()) ? Dtype::float32 : rows.dtype();
  const Array mean = options.root ? Array() : Array::empty({count}, wide, rows.device());
  const Array inverse_deviation = Array::empty({count}, wide, rows.device());
  const auto value_of = [](const Tensor& t) { return t.defined() ? t.value() : Array(); };
  table.forward(rows.value(), value_of(weight), value_of(bias), options, {y, false}, mean, inverse_deviation);
  return record({Op::layer_norm, options}, {rows, weight, bias}, std::move(y),
                [x = saved(rows), gamma = saved(value_of(weight)), mean = saved(mean),
                 inverse_deviation = saved(inverse_deviation), options, &table](const Array& dy, Node& node) {
                  const Out dx = node.slot(0), dgamma = node.slot(1), dbeta = node.slot(2);  // in this order
                  table.backward(x, dy, gamma, mean, inverse_deviation, options, dx, dgamma, dbeta);
                });
}

void require_epsilon(const char* op, double epsilon) {
  if (!(epsilon >= 0))
    throw UsageError({.where = op,
                      .what = "epsilon " + std::to_string(epsilon),
                      .expected = "0 or more",
                      .remedy = "1e-5 is usual"});
}

// The order of x's memory for a result that was computed on rows.
Tensor ordered_like(const Tensor& x, const Tensor& y) {
  return x.value().order() == Order::channels_last ? contiguous(y, Order::channels_last) : y;
}

Tensor over_last_axes(const char* op, const Tensor& given, const Shape& shape, const Tensor& weight, const Tensor& bias,
                      const LayerNormOptions& options) {
  const Tensor x = unhalved(given);
  require_floating(op, x);
  bool fits = shape.rank() > 0 && shape.rank() <= x.rank();
  for (int axis = 1; fits && axis <= shape.rank(); ++axis) fits = x.shape(-axis) == shape[-axis];
  if (!fits)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + " normalized over " + shape.text(),
                      .expected = "the lengths of the input's last axes, at least one",
                      .remedy = "the layer's normalized_shape as the input's last lengths, or permute(x)"});
  for (const auto& [vector, name] : {std::pair{&weight, "weight"}, {&bias, "bias"}}) {
    if (!vector->defined()) continue;
    require_same_kind(op, x, *vector);
    if (vector->shape() != shape)
      throw ShapeError({.where = op,
                        .what = std::string(name) + " of shape " + vector->shape().text(),
                        .expected = shape.text(),
                        .remedy = "one value for each number that is normalized together"});
  }
  const std::int64_t n = shape.elements(), count = x.shape().elements(0, x.rank() - shape.rank());
  const auto vector = [n](const Tensor& v) { return v.defined() ? reshape(v, {n}) : v; };
  return ordered_like(
      x, reshape(normalized_rows(reshape(x, {count, n}), vector(weight), vector(bias), options), x.shape()));
}

// Vectors [channels] for x [batch, channels, ...]; throws unless they fit.
void require_channels(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (x.rank() < 2)
    throw ShapeError({.where = op,
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, channel, ...]",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  require_floating(op, x);
  for (const auto& [vector, name] : {std::pair{&weight, "weight"}, {&bias, "bias"}}) {
    if (!vector->defined()) continue;
    require_same_kind(op, x, *vector);
    require_vector(op, name, *vector, x.shape(1));
  }
}

Tensor scaled_channels(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Shape shape = Shape::filled(x.rank(), 1);
  shape[1] = x.shape(1);
  Tensor y = x;
  if (weight.defined()) y = y * reshape(weight, shape);
  return bias.defined() ? y + reshape(bias, shape) : y;
}

// Largest magnitude along an axis, which stays with length 1, by halves.
Tensor maximum_magnitude(const Tensor& x, int axis) {
  Tensor best = abs(x);
  while (best.shape(axis) > 1) {
    const std::int64_t length = best.shape(axis), half = length / 2;
    Tensor pairs = maximum(slice(best, axis, 0, half), slice(best, axis, half, 2 * half));
    best = length % 2 == 0 ? pairs : concat({pairs, slice(best, axis, length - 1, length)}, axis);
  }
  return best;
}

// |x|^p with slope 0 at 0, also for p < 1.
Tensor magnitude_power(const Tensor& x, double p) {
  if (p == 2) return x * x;
  if (p == 1) return abs(x);
  if (p > 1) return pow(abs(x), p);
  const Tensor zero = eq(x, 0);
  return masked_fill(pow(masked_fill(abs(x), zero, 1), p), zero, 0);
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& weight, const Tensor& bias, double epsilon) {
  require_epsilon("layer_norm", epsilon);
  return over_last_axes("layer_norm", x, shape, weight, bias, {.epsilon = epsilon});
}

Tensor rms_norm(const Tensor& given, const Shape& shape, const Tensor& weight, double epsilon) {
  const Tensor x = unhalved(given);  // whose type decides the usual epsilon
  if (epsilon < 0) switch (x.dtype()) {
      case Dtype::float64: epsilon = std::numeric_limits<double>::epsilon(); break;
      case Dtype::float16: epsilon = 0x1p-10; break;
      case Dtype::bfloat16: epsilon = 0x1p-7; break;
      default: epsilon = static_cast<double>(std::numeric_limits<float>::epsilon());
    }
  require_epsilon("rms_norm", epsilon);
  return over_last_axes("rms_norm", x, shape, weight, {}, {.epsilon = epsilon, .root = true});
}

Tensor group_norm(const Tensor& given, std::int64_t groups, const Tensor& weight, const Tensor& bias, double epsilon) {
  const Tensor x = unhalved(given);
  const Autocast in_float32(Autocast::active(), Autocast::Results::float32);  // what is scaled and shifted afterwards
  require_channels("group_norm", x, weight, bias);
  require_epsilon("group_norm", epsilon);
  if (groups < 1 || x.shape(1) % groups != 0)
    throw ShapeError({.where = "group_norm",
                      .what = std::to_string(groups) + " groups of the channels of input " + x.shape().text(),
                      .expected = "a number of groups that divides the channels",
                      .remedy = "1 group, or one for each channel"});
  const std::int64_t rows = x.shape(0) * groups;
  const Shape matrix{rows, x.shape(1) / groups * x.shape().elements(2, x.rank())};
  const Tensor y = reshape(normalized_rows(reshape(x, matrix), {}, {}, {.epsilon = epsilon}), x.shape());
  return scaled_channels(ordered_like(x, y), weight, bias);
}

Tensor instance_norm(const Tensor& given, const Tensor& running_mean, const Tensor& running_variance,
                     const Tensor& weight, const Tensor& bias, const InstanceNormOptions& options) {
  const Tensor x = unhalved(given);
  require_channels("instance_norm", x, weight, bias);
  require_epsilon("instance_norm", options.epsilon);
  const BatchNormOptions batch_options{.epsilon = options.epsilon, .momentum = options.momentum};
  if (running_mean.defined() != running_variance.defined())
    throw UsageError({.where = "instance_norm",
                      .what = "one of running mean and running variance",
                      .expected = "both or neither",
                      .remedy = "zeros and ones to begin with"});
  if (!options.use_input_stats) {
    if (!running_mean.defined())
      throw UsageError({.where = "instance_norm",
                        .what = "neither the input's statistics nor running ones",
                        .expected = "running statistics where use_input_stats is false",
                        .remedy = "give running_mean and running_variance"});
    return batch_norm(x, weight, bias, running_mean, running_variance, batch_options, false);
  }
  const std::int64_t batch = x.shape(0), channels = x.shape(1), values = x.shape().elements(2, x.rank());
  if (values < 2)
    throw ShapeError({.where = "instance_norm",
                      .what = "one value per channel of a picture, input " + x.shape().text(),
                      .expected = "at least two values behind the channels",
                      .remedy = "larger pictures, or running statistics"});
  // Every channel of every picture is a channel of one picture; running statistics take their mean over the batch.
  Tensor means, variances;
  if (running_mean.defined()) {
    require_vector("instance_norm", "running mean", running_mean, channels);
    require_vector("instance_norm", "running variance", running_variance, channels);
    const NoGradient off;
    const auto repeated = [&](const Tensor& v) {
      return contiguous(reshape(expand(v.detach(), {batch, channels}) + 0.0, {batch * channels}));
    };
    means = repeated(running_mean);
    variances = repeated(running_variance);
  }
  const Tensor rows = reshape(x, {1, batch * channels, values});
  const Tensor y = batch_norm(rows, {}, {}, means, variances, batch_options, true);
  if (running_mean.defined() && batch > 0 && !recomputing()) {
    const NoGradient off;
    const auto& elementwise = kernels_of<ElementwiseKernels>(x.value());
    for (const auto& [own, all] : {std::pair{&running_mean, &means}, {&running_variance, &variances}}) {
      elementwise.copy(mean(reshape(*all, {batch, channels}), {0}).value(), {own->value(), false});
      own->value().bump_version();
    }
  }
  return scaled_channels(ordered_like(x, reshape(y, x.shape())), weight, bias);
}

Tensor local_response_norm(const Tensor& x, std::int64_t size, double alpha, double beta, double k) {
  if (x.rank() < 3)
    throw ShapeError({.where = "local_response_norm",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, channel, ...] with at least three axes",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  require_floating("local_response_norm", x);
  if (size < 1)
    throw UsageError({.where = "local_response_norm",
                      .what = "size " + std::to_string(size),
                      .expected = "at least one channel",
                      .remedy = "5 is usual"});
  const std::int64_t channels = x.shape(1), before = size / 2, after = (size - 1) / 2;
  if (x.value().elements() == 0) return x;
  const auto padding = [&](std::int64_t count) {
    return Tensor::zeros(x.shape().with(1, count), x.dtype(), x.device());
  };
  Tensor squares = x * x;
  if (before > 0) squares = concat({padding(before), squares}, 1);
  if (after > 0) squares = concat({squares, padding(after)}, 1);
  Tensor total = slice(squares, 1, 0, channels);
  for (std::int64_t shift = 1; shift < size; ++shift) total = total + slice(squares, 1, shift, shift + channels);
  return x / pow(total * (alpha / static_cast<double>(size)) + k, beta);
}

Tensor normalize(const Tensor& x, double p, int axis, double epsilon) {
  require_floating("normalize", x);
  const int at = axis_of("normalize", x, axis);
  if (!(p > 0) || !(epsilon > 0))
    throw UsageError({.where = "normalize",
                      .what = "p " + std::to_string(p) + ", epsilon " + std::to_string(epsilon),
                      .expected = "a norm's p and an epsilon above 0",
                      .remedy = "2 and 1e-12 are usual"});
  if (x.value().elements() == 0) return x;
  if (std::isinf(p)) return x / clamp_min(maximum_magnitude(x, at), epsilon);
  // The bound stands inside the root, so that rows of zeros have gradients.
  const double smallest = x.dtype() == Dtype::float64 ? std::numeric_limits<double>::min()
                                                      : static_cast<double>(std::numeric_limits<float>::min());
  const double bound = std::max(std::pow(epsilon, p), smallest);
  const Tensor total = clamp_min(sum(magnitude_power(x, p), {at}, true), bound);
  return x / (p == 1 ? total : p == 2 ? sqrt(total) : pow(total, 1 / p));
}

}  // namespace joist
