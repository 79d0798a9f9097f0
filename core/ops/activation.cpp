// y = f(x)      dx = dy · f'(x)
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace joist {
namespace {

bool has_integers(const Unary& function) {
  return std::visit(
      []<class F>(const F&) {
        return std::is_same_v<F, Identity> || std::is_same_v<F, Absolute> || std::is_same_v<F, Square> ||
               std::is_same_v<F, Sign> || std::is_same_v<F, Affine> || std::is_same_v<F, Clamp> ||
               std::is_same_v<F, Relu> || std::is_same_v<F, Threshold>;
      },
      function);
}

std::pair<Tensor, Tensor> halves(const char* name, const Tensor& x, int axis) {
  const int at = axis_of(name, x, axis);
  if (x.shape(at) % 2 != 0)
    throw ShapeError({.where = name,
                      .what = "axis " + std::to_string(axis) + " of " + x.shape().text(),
                      .expected = "an even length, to be halved",
                      .remedy = "a layer in front with twice as many features as are wanted"});
  if (x.shape(at) == 0) return {x, x};
  const auto parts = chunk(x, 2, at);
  return {parts[0], parts[1]};
}

// Rounding functions leave integers as they are.
Tensor rounded(const Unary& function, const Tensor& x) { return is_floating(x.dtype()) ? apply(function, x) : x; }

constexpr double infinity = std::numeric_limits<double>::infinity();

double largest(Dtype dtype) {
  switch (dtype) {
    case Dtype::float64: return std::numeric_limits<double>::max();
    case Dtype::float16: return 65504;
    case Dtype::bfloat16: return 0x1.FEp127;
    default: return static_cast<double>(std::numeric_limits<float>::max());
  }
}

}  // namespace

Tensor apply(const Unary& function, const Tensor& given) {
  const Tensor x = is_floating(given.dtype())        ? given
                   : !has_integers(function)         ? to(given, Dtype::float32)
                   : given.dtype() == Dtype::boolean ? to(given, Dtype::int64)
                                                     : given;
  const auto& table = kernels_of<ElementwiseKernels>(x.value());
  Array y = Array::like(x.value());
  table.unary(function, x.value(), {y, false});
  return record({Op::unary, function}, {x}, std::move(y),
                [function, x = saved(x), &table](const Array& dy, Node& node) {
                  table.unary_backward(function, x, dy, node.slot(0));
                });
}

Tensor relu(const Tensor& x) { return apply(Relu{}, x); }
Tensor relu6(const Tensor& x) { return apply(Clamp{0, 6}, x); }
Tensor leaky_relu(const Tensor& x, double negative_slope) { return apply(LeakyRelu{negative_slope}, x); }
Tensor prelu(const Tensor& x, const Tensor& weight) {
  if (weight.value().elements() == 1) return apply(ParametricRelu{}, x, reshape(weight, Shape{}));
  if (x.rank() < 2 || weight.shape() != Shape{x.shape(1)})
    throw ShapeError({.where = "prelu",
                      .what = "input " + x.shape().text() + ", weight " + weight.shape().text(),
                      .expected = "one weight, or one for each of the input's channels (axis 1)",
                      .remedy = "a layer of 1 channel takes any input"});
  return apply(ParametricRelu{}, x, reshape(weight, Shape::filled(x.rank() - 1, 1).with(0, weight.shape(0))));
}
Tensor elu(const Tensor& x, double alpha) { return apply(Elu{alpha}, x); }
Tensor selu(const Tensor& x) { return apply(Selu{}, x); }
Tensor celu(const Tensor& x, double alpha) {
  if (!(alpha != 0))
    throw UsageError({.where = "celu",
                      .what = "alpha " + std::to_string(alpha),
                      .expected = "a number that is not 0",
                      .remedy = "relu() for alpha 0"});
  return apply(Celu{alpha}, x);
}
Tensor gelu(const Tensor& x, bool approximate) { return approximate ? apply(GeluTanh{}, x) : apply(Gelu{}, x); }
Tensor silu(const Tensor& x) { return apply(Silu{}, x); }
Tensor mish(const Tensor& x) { return apply(Mish{}, x); }
Tensor sigmoid(const Tensor& x) { return apply(Sigmoid{}, x); }
Tensor logsigmoid(const Tensor& x) { return apply(LogSigmoid{}, x); }
Tensor hardsigmoid(const Tensor& x) { return apply(HardSigmoid{}, x); }
Tensor hardswish(const Tensor& x) { return apply(HardSwish{}, x); }
Tensor hardtanh(const Tensor& x, double low, double high) {
  if (!(low <= high))
    throw UsageError({.where = "hardtanh",
                      .what = "min_val " + std::to_string(low) + ", max_val " + std::to_string(high),
                      .expected = "min_val <= max_val",
                      .remedy = "swap them"});
  return clamp(x, low, high);
}
Tensor softplus(const Tensor& x, double beta, double threshold) {
  if (!(beta != 0))
    throw UsageError({.where = "softplus",
                      .what = "beta " + std::to_string(beta),
                      .expected = "a number that is not 0",
                      .remedy = "1; the larger, the closer to relu()"});
  return apply(Softplus{beta, threshold}, x);
}
Tensor softsign(const Tensor& x) { return apply(Softsign{}, x); }
Tensor tanh(const Tensor& x) { return apply(HyperbolicTangent{}, x); }
Tensor tanhshrink(const Tensor& x) { return apply(TanhShrink{}, x); }
Tensor hardshrink(const Tensor& x, double lambda) { return apply(HardShrink{lambda}, x); }
Tensor softshrink(const Tensor& x, double lambda) {
  if (!(lambda >= 0))
    throw UsageError({.where = "softshrink",
                      .what = "lambda " + std::to_string(lambda),
                      .expected = "lambda >= 0",
                      .remedy = "0.5 is usual"});
  return apply(SoftShrink{lambda}, x);
}
Tensor threshold(const Tensor& x, double threshold, double value) { return apply(Threshold{threshold, value}, x); }

Tensor glu(const Tensor& x, int axis) {
  const auto [a, b] = halves("glu", x, axis);
  return a * sigmoid(b);
}
Tensor swiglu(const Tensor& x, int axis) {
  const auto [a, b] = halves("swiglu", x, axis);
  return silu(a) * b;
}
Tensor geglu(const Tensor& x, int axis) {
  const auto [a, b] = halves("geglu", x, axis);
  return gelu(a) * b;
}

Tensor exp(const Tensor& x) { return apply(Exponential{}, x); }
Tensor exp2(const Tensor& x) { return apply(Exponential2{}, x); }
Tensor expm1(const Tensor& x) { return apply(ExponentialMinusOne{}, x); }
Tensor log(const Tensor& x) { return apply(Logarithm{}, x); }
Tensor log2(const Tensor& x) { return apply(Logarithm2{}, x); }
Tensor log10(const Tensor& x) { return apply(Logarithm10{}, x); }
Tensor log1p(const Tensor& x) { return apply(LogarithmPlusOne{}, x); }
Tensor logit(const Tensor& x, double eps) {
  if (!(eps >= 0 && eps < 0.5))
    throw UsageError({.where = "logit", .what = "eps " + std::to_string(eps), .expected = "0 <= eps < 0.5"});
  return apply(Logit{eps}, x);
}
Tensor sqrt(const Tensor& x) { return apply(SquareRoot{}, x); }
Tensor rsqrt(const Tensor& x) { return apply(ReciprocalRoot{}, x); }
Tensor square(const Tensor& x) { return apply(Square{}, x); }
Tensor reciprocal(const Tensor& x) { return apply(Reciprocal{}, x); }
Tensor pow(const Tensor& x, double exponent) {
  if (is_floating(x.dtype())) return apply(Power{exponent}, x);
  return pow(x, Tensor::full({}, exponent,
                             exponent == static_cast<double>(static_cast<std::int64_t>(exponent)) ? Dtype::int64
                                                                                                  : Dtype::float32,
                             x.device()));
}

Tensor sin(const Tensor& x) { return apply(Sine{}, x); }
Tensor cos(const Tensor& x) { return apply(Cosine{}, x); }
Tensor tan(const Tensor& x) { return apply(Tangent{}, x); }
Tensor asin(const Tensor& x) { return apply(ArcSine{}, x); }
Tensor acos(const Tensor& x) { return apply(ArcCosine{}, x); }
Tensor atan(const Tensor& x) { return apply(ArcTangent{}, x); }
Tensor sinh(const Tensor& x) { return apply(HyperbolicSine{}, x); }
Tensor cosh(const Tensor& x) { return apply(HyperbolicCosine{}, x); }
Tensor asinh(const Tensor& x) { return apply(ArcHyperbolicSine{}, x); }
Tensor acosh(const Tensor& x) { return apply(ArcHyperbolicCosine{}, x); }
Tensor atanh(const Tensor& x) { return apply(ArcHyperbolicTangent{}, x); }
Tensor sinc(const Tensor& x) { return apply(Sinc{}, x); }
Tensor deg2rad(const Tensor& x) {
  return to(x, is_floating(x.dtype()) ? x.dtype() : Dtype::float32) * (std::numbers::pi / 180);
}
Tensor rad2deg(const Tensor& x) {
  return to(x, is_floating(x.dtype()) ? x.dtype() : Dtype::float32) * (180 / std::numbers::pi);
}

Tensor erf(const Tensor& x) { return apply(ErrorFunction{}, x); }
Tensor erfc(const Tensor& x) { return apply(ComplementaryError{}, x); }
Tensor erfinv(const Tensor& x) { return apply(InverseError{}, x); }
Tensor lgamma(const Tensor& x) { return apply(LogGamma{}, x); }
Tensor digamma(const Tensor& x) { return apply(Digamma{}, x); }

Tensor abs(const Tensor& x) { return apply(Absolute{}, x); }
Tensor neg(const Tensor& x) { return -x; }
Tensor sign(const Tensor& x) { return x.dtype() == Dtype::boolean ? x : apply(Sign{}, x); }
Tensor floor(const Tensor& x) { return rounded(Floor{}, x); }
Tensor ceil(const Tensor& x) { return rounded(Ceiling{}, x); }
Tensor round(const Tensor& x) { return rounded(Round{}, x); }
Tensor trunc(const Tensor& x) { return rounded(Truncate{}, x); }
Tensor frac(const Tensor& x) { return apply(Fraction{}, x); }
Tensor signbit(const Tensor& x) {
  if (!is_floating(x.dtype())) return lt(x, 0);
  const NoGradient off;
  return lt(copysign(Tensor::full({}, 1, x.dtype(), x.device()), x), 0);
}
// Bounds that no integer reaches make the result a float, as in PyTorch.
Tensor clamp(const Tensor& x, double low, double high) {
  const auto whole = [](double bound) { return std::isinf(bound) || bound == std::floor(bound); };
  const bool stays = is_floating(x.dtype()) || (whole(low) && whole(high));
  return apply(Clamp{low, high}, stays ? x : to(x, Dtype::float32));
}
Tensor clamp_min(const Tensor& x, double low) { return clamp(x, low, infinity); }
Tensor clamp_max(const Tensor& x, double high) { return clamp(x, -infinity, high); }
Tensor nan_to_num(const Tensor& x, double nan) { return nan_to_num(x, nan, largest(x.dtype()), -largest(x.dtype())); }
Tensor nan_to_num(const Tensor& x, double nan, double posinf, double neginf) {
  return is_floating(x.dtype()) ? apply(ReplaceNotFinite{nan, posinf, neginf}, x) : x;
}

}  // namespace joist
