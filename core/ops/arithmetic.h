// Functions of two operands, which broadcast.
#pragma once

#include <joist/core/elementwise.h>
#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

Tensor apply(const Binary& function, const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
inline Tensor operator+(double a, const Tensor& b) { return b + a; }
inline Tensor operator*(double a, const Tensor& b) { return b * a; }
Tensor operator-(double a, const Tensor& b);
Tensor operator-(const Tensor& a);
/// Ties share the gradient; a NaN wins.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
/// Of a number and a NaN the number.
Tensor fmax(const Tensor& a, const Tensor& b);
Tensor fmin(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(double a, const Tensor& b);
Tensor atan2(const Tensor& a, const Tensor& b);
Tensor hypot(const Tensor& a, const Tensor& b);
/// a - b ⌊a / b⌋: the sign of b (Python's %).
Tensor remainder(const Tensor& a, const Tensor& b);
/// The sign of a (C's fmod).
Tensor fmod(const Tensor& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, const Tensor& b);
/// a / b, rounded towards 0.
Tensor trunc_divide(const Tensor& a, const Tensor& b);
/// a log b and a log(1 + b), 0 where a is 0.
Tensor xlogy(const Tensor& a, const Tensor& b);
Tensor xlog1py(const Tensor& a, const Tensor& b);
/// log(exp a + exp b) and the same to base 2, without overflow.
Tensor logaddexp(const Tensor& a, const Tensor& b);
Tensor logaddexp2(const Tensor& a, const Tensor& b);
Tensor copysign(const Tensor& a, const Tensor& b);
/// a 2^b
Tensor ldexp(const Tensor& a, const Tensor& b);
/// a + weight (b - a)
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight);
Tensor lerp(const Tensor& a, const Tensor& b, double weight);
/// x + value a b, x + value a / b
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);
/// 0 below 0, 1 above, `values` at 0; no gradient.
Tensor heaviside(const Tensor& x, const Tensor& values);
/// Bounds as tensors; either may be undefined.
Tensor clamp(const Tensor& x, const Tensor& low, const Tensor& high);

}  // namespace joist
