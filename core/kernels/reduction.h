// Sums and extremes over axes.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

struct ReductionKernels {
  /// y = scale * sum of x over the axes on which y has length 1 and x has not. Same rank.
  Kernel<void(const Array& x, double scale, const Out& y)> sum{"sum"};
  /// Maximum over one axis and where it was (int64; the first of equals). y and index have length 1 on the axis.
  Kernel<void(const Array& x, int axis, const Out& y, const Array& index)> maximum{"maximum"};
  Kernel<void(const Array& x, int axis, const Out& y, const Array& index)> minimum{"minimum"};
  /// y = product over one axis, on which y has length 1.
  Kernel<void(const Array& x, int axis, const Out& y)> product{"product"};
  /// dx[i] = dy · Π_{j ≠ i} x[j]; right where x holds zeros.
  Kernel<void(const Array& x, const Array& dy, int axis, const Out& dx)> product_backward{"product_backward"};
};

}  // namespace joist
