// Scalar functions as data: one small struct per function carries its parameters, and core/elementwise.inl gives every
// struct value() and slope() templates. Backends include that file for the number type they compute with (double, a
// SIMD register, a CUDA float), so a function is written once.
#pragma once

#include <joist/core/random.h>
#include <joist/core/special.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <variant>

namespace joist {

struct Identity {};
struct Affine {
  double scale = 1, shift = 0;
};  ///< scale * x + shift
struct Absolute {};
struct Square {};
struct SquareRoot {};
struct Reciprocal {};
struct Exponential {};
struct Logarithm {};
struct Sine {};
struct Cosine {};
struct Power {
  double exponent = 1;
};
struct HyperbolicTangent {};
struct Sigmoid {};
struct Relu {};
struct LeakyRelu {
  double slope = 0.01;
};
struct Elu {
  double alpha = 1;
};
struct Clamp {
  double low = 0, high = 6;
};  ///< slope 1 strictly inside, 0 elsewhere (Relu6 = Clamp{0, 6})
struct Silu {};
struct Gelu {};      ///< with the error function
struct GeluTanh {};  ///< tanh approximation
struct HardSigmoid {};
struct HardSwish {};
struct Softplus {
  double beta = 1, threshold = 20;
};  ///< log(1 + exp(beta x)) / beta; x where beta x exceeds the threshold
struct ReciprocalRoot {};
struct Exponential2 {};
struct ExponentialMinusOne {};
struct Logarithm2 {};
struct Logarithm10 {};
struct LogarithmPlusOne {};
struct Tangent {};
struct ArcSine {};
struct ArcCosine {};
struct ArcTangent {};
struct HyperbolicSine {};
struct HyperbolicCosine {};
struct ArcHyperbolicSine {};
struct ArcHyperbolicCosine {};
struct ArcHyperbolicTangent {};
struct ErrorFunction {};
struct ComplementaryError {};
struct InverseError {};
struct LogGamma {};
struct Digamma {};
struct Sign {};
struct Floor {};
struct Ceiling {};
struct Round {};  ///< half to even
struct Truncate {};
struct Fraction {};
struct Selu {};
struct Celu {
  double alpha = 1;
};
struct Mish {};
struct Softsign {};
struct LogSigmoid {};
struct Threshold {
  double threshold = 0, value = 0;
};
struct HardShrink {
  double lambda = 0.5;
};
struct SoftShrink {
  double lambda = 0.5;
};
struct TanhShrink {};
struct Logit {
  double epsilon = 0;
};
struct ReplaceNotFinite {
  double nan = 0, positive = 0, negative = 0;
};
struct Sinc {};  ///< sin(πx) / (πx)

using Unary =
    std::variant<Identity, Affine, Absolute, Square, SquareRoot, Reciprocal, Exponential, Logarithm, Sine, Cosine,
                 Power, HyperbolicTangent, Sigmoid, Relu, LeakyRelu, Elu, Clamp, Silu, Gelu, GeluTanh, HardSigmoid,
                 HardSwish, Softplus, ReciprocalRoot, Exponential2, ExponentialMinusOne, Logarithm2, Logarithm10,
                 LogarithmPlusOne, Tangent, ArcSine, ArcCosine, ArcTangent, HyperbolicSine, HyperbolicCosine,
                 ArcHyperbolicSine, ArcHyperbolicCosine, ArcHyperbolicTangent, ErrorFunction, ComplementaryError,
                 InverseError, LogGamma, Digamma, Sign, Floor, Ceiling, Round, Truncate, Fraction, Selu, Celu, Mish,
                 Softsign, LogSigmoid, Threshold, HardShrink, SoftShrink, TanhShrink, Logit, ReplaceNotFinite, Sinc>;

struct Add {};
struct Subtract {};
struct Multiply {};
struct Divide {};
struct Maximum {};  ///< ties: the gradient goes to both halves
struct Minimum {};
/// Binary cross entropy of a logit (first operand) against a target in [0, 1] (second operand, no gradient).
struct BinaryCrossEntropy {};
struct PowerOf {};
struct ArcTangent2 {};
struct Hypotenuse {};
struct Remainder {};           ///< with the divisor's sign
struct TruncatedRemainder {};  ///< with the dividend's sign
struct FloorDivide {};
struct TruncatedDivide {};
struct XLogY {};  ///< 0 where x is 0
struct XLogOnePlusY {};
struct LogAddExp {};
struct CopySign {};
struct ParametricRelu {};
struct NumberMaximum {};  ///< of a number and a NaN the number
struct NumberMinimum {};
struct SquaredDifference {};
struct AbsoluteDifference {};
struct AddRelu {};  ///< the positive part of the sum
struct HuberDifference {
  double delta = 1;
  bool scaled = false;
};
struct ProbabilityCrossEntropy {};
/// Cross entropy of a logit (first) against a target, times (probability of being wrong)^gamma; alpha weighs the
/// positive part, unless it is negative.
struct FocalCrossEntropy {
  double alpha = 0.25, gamma = 2;
};

using Binary =
    std::variant<Add, Subtract, Multiply, Divide, Maximum, Minimum, BinaryCrossEntropy, PowerOf, ArcTangent2,
                 Hypotenuse, Remainder, TruncatedRemainder, FloorDivide, TruncatedDivide, XLogY, XLogOnePlusY,
                 LogAddExp, CopySign, ParametricRelu, NumberMaximum, NumberMinimum, SquaredDifference,
                 AbsoluteDifference, AddRelu, HuberDifference, ProbabilityCrossEntropy, FocalCrossEntropy>;

/// The functions for float and double on the host and in device code.
namespace scalar {

#define JOIST_FUNCTION \
  template <class T>   \
  JOIST_HOST_DEVICE inline T

JOIST_FUNCTION exp(T x) { return static_cast<T>(std::exp(x)); }
JOIST_FUNCTION log(T x) { return static_cast<T>(std::log(x)); }
JOIST_FUNCTION log1p(T x) { return static_cast<T>(std::log1p(x)); }
JOIST_FUNCTION sqrt(T x) { return static_cast<T>(std::sqrt(x)); }
JOIST_FUNCTION sin(T x) { return static_cast<T>(std::sin(x)); }
JOIST_FUNCTION cos(T x) { return static_cast<T>(std::cos(x)); }
JOIST_FUNCTION tan(T x) { return static_cast<T>(std::tan(x)); }
JOIST_FUNCTION asin(T x) { return static_cast<T>(std::asin(x)); }
JOIST_FUNCTION acos(T x) { return static_cast<T>(std::acos(x)); }
JOIST_FUNCTION atan(T x) { return static_cast<T>(std::atan(x)); }
JOIST_FUNCTION sinh(T x) { return static_cast<T>(std::sinh(x)); }
JOIST_FUNCTION cosh(T x) { return static_cast<T>(std::cosh(x)); }
JOIST_FUNCTION tanh(T x) { return static_cast<T>(std::tanh(x)); }
JOIST_FUNCTION asinh(T x) { return static_cast<T>(std::asinh(x)); }
JOIST_FUNCTION acosh(T x) { return static_cast<T>(std::acosh(x)); }
JOIST_FUNCTION atanh(T x) { return static_cast<T>(std::atanh(x)); }
JOIST_FUNCTION log2(T x) { return static_cast<T>(std::log2(x)); }
JOIST_FUNCTION log10(T x) { return static_cast<T>(std::log10(x)); }
JOIST_FUNCTION exp2(T x) { return static_cast<T>(std::exp2(x)); }
JOIST_FUNCTION expm1(T x) { return static_cast<T>(std::expm1(x)); }
JOIST_FUNCTION erf(T x) { return static_cast<T>(std::erf(x)); }
JOIST_FUNCTION erfc(T x) { return static_cast<T>(std::erfc(x)); }
JOIST_FUNCTION floor(T x) { return static_cast<T>(std::floor(x)); }
JOIST_FUNCTION ceil(T x) { return static_cast<T>(std::ceil(x)); }
JOIST_FUNCTION trunc(T x) { return static_cast<T>(std::trunc(x)); }
JOIST_FUNCTION log1p_exact(T x) { return static_cast<T>(std::log1p(x)); }
JOIST_FUNCTION abs(T x) { return static_cast<T>(std::fabs(x)); }
JOIST_FUNCTION round_even(T x) { return static_cast<T>(std::nearbyint(x)); }
JOIST_FUNCTION pow(T x, double y) { return static_cast<T>(std::pow(x, static_cast<T>(y))); }
template <class T>
JOIST_HOST_DEVICE inline T pow(T x, T y) requires(!std::is_same_v<T, double>) {
  return static_cast<T>(std::pow(x, y));
}
JOIST_FUNCTION atan2(T a, T b) { return static_cast<T>(std::atan2(a, b)); }
JOIST_FUNCTION hypot(T a, T b) { return static_cast<T>(std::hypot(a, b)); }
JOIST_FUNCTION fmod(T a, T b) { return static_cast<T>(std::fmod(a, b)); }
JOIST_FUNCTION copysign(T a, T b) { return static_cast<T>(std::copysign(a, b)); }
JOIST_FUNCTION min(T a, T b) { return b < a ? b : a; }
JOIST_FUNCTION max(T a, T b) { return a < b ? b : a; }
JOIST_FUNCTION select(bool condition, T yes, T no) { return condition ? yes : no; }
JOIST_FUNCTION largest_of(T) { return std::numeric_limits<T>::max(); }
JOIST_FUNCTION lgamma(T x) { return static_cast<T>(special::lgamma(static_cast<double>(x))); }
JOIST_FUNCTION digamma(T x) { return static_cast<T>(special::digamma(static_cast<double>(x))); }
JOIST_FUNCTION trigamma(T x) { return static_cast<T>(special::trigamma(static_cast<double>(x))); }
JOIST_FUNCTION erfinv(T x) { return static_cast<T>(special::erfinv(static_cast<double>(x))); }

#include <joist/core/elementwise.inl>

#undef JOIST_FUNCTION

}  // namespace scalar
}  // namespace joist
