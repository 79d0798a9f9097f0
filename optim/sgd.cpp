#include <joist/core/error.h>
#include <joist/optim/sgd.h>

#include <algorithm>
#include <cmath>

namespace joist {

OptionTable SgdOptions::table() {
  return {{"lr", lr, not_negative},
          {"momentum", momentum, not_negative},
          {"dampening", dampening, any_number},
          {"weight_decay", weight_decay, not_negative},
          {"nesterov", nesterov},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

void SgdOptions::check() const {
  if (nesterov && (momentum == 0 || dampening != 0))
    throw UsageError(
        {.where = kind,
         .what = "Nesterov with momentum " + std::to_string(momentum) + " and dampening " + std::to_string(dampening),
         .expected = "momentum above 0 and dampening 0"});
}

std::vector<StepBuffer> SgdOptions::buffers() const {
  if (momentum == 0) return {};
  return {{"velocity"}};
}

OptimizerStep SgdOptions::step(std::int64_t t, double*) const {
  const bool first = t == 1;
  return {.rule = SgdRule{.rate = lr,
                          .momentum = first ? 0 : momentum,
                          .undamped = first ? 1 : 1 - dampening,
                          .nesterov_momentum = momentum,
                          .moving = momentum != 0,
                          .nesterov = nesterov},
          .gradient = maximize ? -1.0 : 1.0,
          .weight_decay = weight_decay};
}

OptionTable AsgdOptions::table() {
  return {{"lr", lr, not_negative},
          {"lambd", lambd, not_negative},
          {"alpha", alpha, not_negative},
          {"t0", t0, any_number},
          {"weight_decay", weight_decay, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

OptimizerStep AsgdOptions::step(std::int64_t t, double* numbers) const {
  double &eta = numbers[0], &mu = numbers[1];
  const OptimizerStep step{.rule = AsgdRule{.rate = eta, .weight = mu},
                           .gradient = maximize ? -1.0 : 1.0,
                           .weight_decay = weight_decay,
                           .shrink = 1 - lambd * eta};
  const auto count = static_cast<double>(t);
  eta = lr / std::pow(1 + lambd * lr * count, alpha);
  mu = 1 / std::max(1.0, count - t0);
  return step;
}

}  // namespace joist
