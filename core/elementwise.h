// Scalar functions as data: one small struct per function carries its parameters, and core/elementwise.inl gives every
// struct value() and slope() templates. Backends include that file for the number type they compute with (double, a
// SIMD register, a CUDA float), so a function is written once.
#pragma once

#include <joist/core/random.h>

#include <cmath>
#include <variant>

namespace joist {

struct Identity {};
struct Affine {
  float scale = 1, shift = 0;
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
  float exponent = 1;
};
struct HyperbolicTangent {};
struct Sigmoid {};
struct Relu {};
struct LeakyRelu {
  float slope = 0.01F;
};
struct Elu {
  float alpha = 1;
};
struct Clamp {
  float low = 0, high = 6;
};  ///< slope 1 strictly inside, 0 elsewhere (Relu6 = Clamp{0, 6})
struct Silu {};
struct Gelu {};      ///< with the error function
struct GeluTanh {};  ///< tanh approximation
struct HardSigmoid {};
struct HardSwish {};
struct Softplus {};

using Unary = std::variant<Identity, Affine, Absolute, Square, SquareRoot, Reciprocal, Exponential, Logarithm, Sine,
                           Cosine, Power, HyperbolicTangent, Sigmoid, Relu, LeakyRelu, Elu, Clamp, Silu, Gelu, GeluTanh,
                           HardSigmoid, HardSwish, Softplus>;

struct Add {};
struct Subtract {};
struct Multiply {};
struct Divide {};
struct Maximum {};  ///< ties: the gradient goes to both halves
struct Minimum {};
/// Binary cross entropy of a logit (first operand) against a target in [0, 1] (second operand, no gradient).
struct BinaryCrossEntropy {};

using Binary = std::variant<Add, Subtract, Multiply, Divide, Maximum, Minimum, BinaryCrossEntropy>;

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
JOIST_FUNCTION pow(T x, float y) { return static_cast<T>(std::pow(x, static_cast<T>(y))); }
JOIST_FUNCTION tanh(T x) { return static_cast<T>(std::tanh(x)); }
JOIST_FUNCTION erf(T x) { return static_cast<T>(std::erf(x)); }
JOIST_FUNCTION abs(T x) { return static_cast<T>(std::fabs(x)); }
JOIST_FUNCTION min(T a, T b) { return b < a ? b : a; }
JOIST_FUNCTION max(T a, T b) { return a < b ? b : a; }
JOIST_FUNCTION select(bool condition, T yes, T no) { return condition ? yes : no; }

#include <joist/core/elementwise.inl>

#undef JOIST_FUNCTION

}  // namespace scalar
}  // namespace joist
