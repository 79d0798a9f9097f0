// Steps of the optimizers, and the sums over all parameters that they need.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/kernels/optimizer_rules.h>

#include <array>

namespace joist {

/// What a rule remembers: as many arrays as it needs, the rest undefined.
using StepMemory = std::array<Array, 3>;

/// All arrays are equally long, rank 1, dense.
struct OptimizerKernels {
  /// One pass: every parameter by its rule.
  Kernel<void(const OptimizerStep&, const Array& parameter, const Array& gradient, const StepMemory& memory)> step{
      "step"};
  /// y = y + weight * (x - y): exponential moving average.
  Kernel<void(const Array& x, double weight, const Array& y)> interpolate{"interpolate"};
  /// total (float64, one element) = sum of squares, summed in double in an order that depends only on the length.
  Kernel<void(const Array& x, const Array& total)> square_sum{"square_sum"};
  /// The same of x * y.
  Kernel<void(const Array& x, const Array& y, const Array& total)> product_sum{"product_sum"};
};

}  // namespace joist
