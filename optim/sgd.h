// Stochastic gradient descent, with momentum and with averaging.
#pragma once

#include <joist/optim/elementwise.h>

namespace joist {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
  bool clear_gradients = true;  ///< after each step

  static constexpr const char* kind = "sgd";
  OptionTable table();
  void check() const;
  std::vector<StepBuffer> buffers() const;
  OptimizerStep step(std::int64_t t, double*) const;
};

struct AsgdOptions {
  double lr = 1e-2;
  double lambd = 1e-4;  ///< decay term
  double alpha = 0.75;  ///< power of the falling rate
  double t0 = 1e6;      ///< step at which averaging begins
  double weight_decay = 0;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "asgd";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"average"}}; }
  std::vector<StepNumber> numbers() const { return {{"eta", lr}, {"mu", 1}}; }
  OptimizerStep step(std::int64_t t, double* numbers) const;
};

/// torch.optim.SGD. With d = g + weight_decay · p: v = momentum · v + (1 - dampening) · d, v = d at the first step;
/// d = nesterov ? d + momentum · v : v; p -= lr · d.
using Sgd = Elementwise<SgdOptions>;
/// torch.optim.ASGD (Polyak and Juditsky 1992): p = (1 - lambd · eta) · p - eta · g, and the mean of p since step t0.
using Asgd = Elementwise<AsgdOptions>;

}  // namespace joist
