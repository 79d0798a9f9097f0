// Optimizers that look at the sign of the gradient only: Rprop and Lion.
#pragma once

#include <joist/optim/elementwise.h>

namespace joist {

struct RpropOptions {
  double lr = 1e-2;  ///< the first step of every parameter
  double etaminus = 0.5;
  double etaplus = 1.2;
  double step_size_min = 1e-6;
  double step_size_max = 50;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "rprop";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"previous_gradient"}, {"step_size", lr}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

struct LionOptions {
  double lr = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;  ///< decoupled
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "lion";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"momentum"}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

/// torch.optim.Rprop (Riedmiller and Braun 1993): for whole batches. A changed rate has no effect after the first step.
using Rprop = Elementwise<RpropOptions>;
/// Lion (Chen et al. 2023).
using Lion = Elementwise<LionOptions>;

}  // namespace joist
