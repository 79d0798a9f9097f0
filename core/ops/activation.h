// Functions of one operand. Integers become float32 where the result is no integer.
#pragma once

#include <joist/core/elementwise.h>
#include <joist/core/gradient.h>

namespace joist {

Tensor apply(const Unary& function, const Tensor& x);

// ---- activations --------------------------------------------------------------------------------------------------
Tensor relu(const Tensor& x);
/// relu(a + b), the end of a residual block, in one pass where both have one shape and type.
Tensor add_relu(const Tensor& a, const Tensor& b);
Tensor relu6(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
/// weight: one number or one per channel (axis 1).
Tensor prelu(const Tensor& x, const Tensor& weight);
Tensor elu(const Tensor& x, double alpha = 1);
Tensor selu(const Tensor& x);
Tensor celu(const Tensor& x, double alpha = 1);
/// approximate: the tanh form instead of the error function.
Tensor gelu(const Tensor& x, bool approximate = false);
Tensor silu(const Tensor& x);
Tensor mish(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor logsigmoid(const Tensor& x);
Tensor hardsigmoid(const Tensor& x);
Tensor hardswish(const Tensor& x);
Tensor hardtanh(const Tensor& x, double low = -1, double high = 1);
Tensor softplus(const Tensor& x, double beta = 1, double threshold = 20);
Tensor softsign(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor tanhshrink(const Tensor& x);
Tensor hardshrink(const Tensor& x, double lambda = 0.5);
Tensor softshrink(const Tensor& x, double lambda = 0.5);
/// x where x > threshold, else value.
Tensor threshold(const Tensor& x, double threshold, double value);
/// Halves a, b of an axis: a · σ(b); silu(a) · b (SwiGLU, Shazeer 2020); gelu(a) · b. Odd lengths throw ShapeError.
Tensor glu(const Tensor& x, int axis = -1);
Tensor swiglu(const Tensor& x, int axis = -1);
Tensor geglu(const Tensor& x, int axis = -1);

// ---- powers, exponentials, logarithms -----------------------------------------------------------------------------
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor log1p(const Tensor& x);
/// log(x / (1 - x)), x clamped to [eps, 1 - eps].
Tensor logit(const Tensor& x, double eps = 0);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor pow(const Tensor& x, double exponent);

// ---- trigonometry -------------------------------------------------------------------------------------------------
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
/// sin(πx) / (πx)
Tensor sinc(const Tensor& x);
Tensor deg2rad(const Tensor& x);
Tensor rad2deg(const Tensor& x);

// ---- special functions --------------------------------------------------------------------------------------------
Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);
Tensor erfinv(const Tensor& x);
Tensor lgamma(const Tensor& x);
Tensor digamma(const Tensor& x);

// ---- rounding and signs -------------------------------------------------------------------------------------------
Tensor abs(const Tensor& x);
Tensor neg(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
/// Half to even.
Tensor round(const Tensor& x);
Tensor trunc(const Tensor& x);
Tensor frac(const Tensor& x);
/// Whether the sign bit is set (bool).
Tensor signbit(const Tensor& x);
Tensor clamp(const Tensor& x, double low, double high);
Tensor clamp_min(const Tensor& x, double low);
Tensor clamp_max(const Tensor& x, double high);
/// NaN and infinities replaced; infinities by default by the type's largest numbers.
Tensor nan_to_num(const Tensor& x, double nan = 0);
Tensor nan_to_num(const Tensor& x, double nan, double posinf, double neginf);

}  // namespace joist
