// Stochastic gradient descent with momentum.
#pragma once

#include <joist/optim/optimizer.h>

namespace joist {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool clear_gradients = true;  ///< after each step
};

/// torch.optim.SGD. With d = g + weight_decay · p: v = momentum · v + (1 - dampening) · d, v = d at the first step;
/// d = nesterov ? d + momentum · v : v; p -= lr · d.
class Sgd final : public Optimizer {
 public:
  /// Throws UsageError for options that make no sense together.
  explicit Sgd(FlatParameters& parameters, const SgdOptions& options = {});

 private:
  void update(const FlatParameters::Group& group, const GroupSettings& settings, std::int64_t step) override;

  SgdOptions options_;
  Array velocity_{};  // undefined without momentum
};

}  // namespace joist
