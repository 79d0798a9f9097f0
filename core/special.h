// Special functions that the C++ library lacks, or has only with a lock or a global, in double.
#pragma once

#include <joist/core/random.h>

#include <cmath>
#include <limits>

namespace joist::special {

/// ψ(x) = d log Γ(x) / dx: recurrence up to x ≥ 10, then the asymptotic series (Abramowitz & Stegun 6.3.18); reflection
/// below 0. Poles give NaN, 0 gives ∓infinity, as in PyTorch.
JOIST_HOST_DEVICE inline double digamma(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  double result = 0;
  if (x < 0) {
    if (x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
    result = -pi / std::tan(pi * (x - std::floor(x)));
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  const double t = 1 / (x * x);
  const double series =
      t *
      (1.0 / 12 - t * (1.0 / 120 - t * (1.0 / 252 - t * (1.0 / 240 - t * (1.0 / 132 - t * (691.0 / 32760 - t / 12))))));
  return result + std::log(x) - 0.5 / x - series;
}

/// ψ'(x), alike (A&S 6.4.12).
JOIST_HOST_DEVICE inline double trigamma(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x == std::floor(x) && x <= 0) return std::numeric_limits<double>::infinity();
  if (x < 0) {
    const double s = pi / std::sin(pi * x);
    return s * s - trigamma(1 - x);
  }
  double result = 0;
  for (; x < 10; x += 1) result += 1 / (x * x);
  const double t = 1 / (x * x);
  const double series =
      1.0 / 6 - t * (1.0 / 30 - t * (1.0 / 42 - t * (1.0 / 30 - t * (5.0 / 66 - t * (691.0 / 2730 - t * 7.0 / 6)))));
  return result + 1 / x + 0.5 * t + series * t / x;
}

/// log |Γ(x)|; std::lgamma writes a global, which threads must not.
inline double lgamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

/// y with erf(y) = x: Giles' polynomial (2012, "Approximating the erfinv function"), then two Newton steps.
JOIST_HOST_DEVICE inline double erfinv(double x) {
  if (!(x > -1 && x < 1))
    return x == 1 || x == -1 ? std::copysign(std::numeric_limits<double>::infinity(), x)
                             : std::numeric_limits<double>::quiet_NaN();
  double w = -std::log((1 - x) * (1 + x)), p;
  if (w < 5) {
    w -= 2.5;
    p = 2.81022636e-08;
    for (const double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                           -0.00417768164, 0.246640727, 1.50140941})
      p = c + p * w;
  } else {
    w = std::sqrt(w) - 3;
    p = -0.000200214257;
    for (const double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
                           1.00167406, 2.83297682})
      p = c + p * w;
  }
  double y = p * x;
  for (int step = 0; step < 2; ++step) {
    // Beyond 0.5 by erfc, which keeps its digits near 1.
    const double error = x > 0.5 ? (1 - x) - std::erfc(y) : x < -0.5 ? std::erfc(-y) - (1 + x) : std::erf(y) - x;
    y -= error / (1.1283791670955126 * std::exp(-y * y));
  }
  return y;
}

}  // namespace joist::special
