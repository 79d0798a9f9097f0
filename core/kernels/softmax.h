// Softmax, its logarithm and sparsemax.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

struct SoftmaxKernels {
  Kernel<void(const Array& x, int axis, const Out& y)> softmax{"softmax"};
  /// dx = y * (dy - sum(dy * y))
  Kernel<void(const Array& y, const Array& dy, int axis, const Out& dx)> softmax_backward{"softmax_backward"};
  Kernel<void(const Array& x, int axis, const Out& y)> log_softmax{"log_softmax"};
  /// dx = dy - exp(y) * sum(dy)
  Kernel<void(const Array& y, const Array& dy, int axis, const Out& dx)> log_softmax_backward{"log_softmax_backward"};
  /// The nearest point of the probability simplex (Martins & Astudillo 2016): y = max(x - tau, 0), tau such that a line
  /// sums to 1. A line that holds NaN becomes NaN.
  Kernel<void(const Array& x, int axis, const Out& y)> sparsemax{"sparsemax"};
  /// dx = dy - mean of dy over the elements with y > 0, there; 0 elsewhere.
  Kernel<void(const Array& y, const Array& dy, int axis, const Out& dx)> sparsemax_backward{"sparsemax_backward"};
};

}  // namespace joist
