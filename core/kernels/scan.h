// Running totals along an axis.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

struct ScanKernels {
  /// y[i] = x[0] + … + x[i] along the axis; reverse: x[i] + … + x[n-1].
  Kernel<void(const Array& x, int axis, bool reverse, const Out& y)> sum{"cumulative_sum"};
  Kernel<void(const Array& x, int axis, const Out& y)> product{"cumulative_product"};
  /// dx[i] = Σ_{j ≥ i} dy[j] · Π_{k ≤ j, k ≠ i} x[k]; right where x holds zeros.
  Kernel<void(const Array& x, const Array& dy, int axis, const Out& dx)> product_backward{
      "cumulative_product_backward"};
  /// y[i] = log Σ_{j ≤ i} exp(x[j]), without overflow.
  Kernel<void(const Array& x, int axis, const Out& y)> log_sum_exp{"log_cumulative_sum_exp"};
  /// dx[i] = Σ_{j ≥ i} dy[j] · exp(x[i] - y[j])
  Kernel<void(const Array& x, const Array& y, const Array& dy, int axis, const Out& dx)> log_sum_exp_backward{
      "log_cumulative_sum_exp_backward"};
  /// Largest (or smallest) so far and where it was (int64; the last of equals, as in PyTorch). A NaN stays.
  Kernel<void(const Array& x, int axis, bool largest, const Out& y, const Array& index)> extreme{"cumulative_extreme"};
};

}  // namespace joist
