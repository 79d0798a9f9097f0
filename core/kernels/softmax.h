// Softmax and its logarithm.
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
};

}  // namespace joist
