// Discrete Fourier transform.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

struct FourierKernels {
  /// x, y [..., 2] (real, imaginary): y[k] = scale · Σ_j x[j] exp(∓2πi jk/n) along one axis but the last; inverse: +.
  Kernel<void(const Array& x, int axis, bool inverse, double scale, const Out& y)> transform{"fft"};
};

}  // namespace joist
