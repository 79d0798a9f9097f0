// Steps of the optimizers.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

/// torch.optim.SGD: d = g + weight_decay * p; v = momentum * v + (1 - dampening) * d (v = d at the first step);
/// d = nesterov ? d + momentum * v : v; p -= rate * d.
struct SgdStep {
  double rate = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, first = false;
};
/// torch.optim.AdamW (decoupled) or Adam; step counts from 1.
struct AdamStep {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = true;
  std::int64_t step = 1;
};

/// All arrays are equally long, rank 1, dense.
struct OptimizerKernels {
  /// velocity may be undefined when momentum is 0.
  Kernel<void(const SgdStep&, const Array& parameter, const Array& gradient, const Array& velocity)> sgd{"sgd"};
  Kernel<void(const AdamStep&, const Array& parameter, const Array& gradient, const Array& first_moment,
              const Array& second_moment)>
      adam{"adam"};
  /// y = y + weight * (x - y): exponential moving average.
  Kernel<void(const Array& x, double weight, const Array& y)> interpolate{"interpolate"};
  /// total (float64, one element) = sum of squares, summed in double in an order that depends only on the length.
  Kernel<void(const Array& x, const Array& total)> square_sum{"square_sum"};
};

}  // namespace joist
