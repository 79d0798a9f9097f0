// Rates per parameter from the squares of its gradients: Adagrad, Adadelta and RMSprop.
#pragma once

#include <joist/optim/elementwise.h>

namespace joist {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;  ///< added to the gradient
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "adagrad";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"square_sum", initial_accumulator_value}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "adadelta";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"square_average"}, {"update_average"}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

struct RmspropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;  ///< added to the root, not under it
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;  ///< divide by the root of the variance instead of the second moment
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "rmsprop";
  OptionTable table();
  std::vector<StepBuffer> buffers() const;
  OptimizerStep step(std::int64_t t, double*) const;
};

/// torch.optim.Adagrad (Duchi et al. 2011).
using Adagrad = Elementwise<AdagradOptions>;
/// torch.optim.Adadelta (Zeiler 2012).
using Adadelta = Elementwise<AdadeltaOptions>;
/// torch.optim.RMSprop (Hinton 2012; centered: Graves 2013).
using Rmsprop = Elementwise<RmspropOptions>;

}  // namespace joist
