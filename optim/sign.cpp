#include <joist/optim/sign.h>

namespace joist {

OptionTable RpropOptions::table() {
  return {{"lr", lr, not_negative},
          {"etaminus", etaminus, {.low = 0, .high = 1, .with_low = false}},
          {"etaplus", etaplus, {.low = 1, .with_low = false}},
          {"step_size_min", step_size_min, not_negative},
          {"step_size_max", step_size_max, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}
OptimizerStep RpropOptions::step(std::int64_t, double*) const {
  return {
      .rule = RpropRule{.shorter = etaminus, .longer = etaplus, .smallest = step_size_min, .largest = step_size_max},
      .gradient = maximize ? -1.0 : 1.0};
}

OptionTable LionOptions::table() {
  return {{"lr", lr, not_negative},    {"beta1", beta1, below_one},
          {"beta2", beta2, below_one}, {"weight_decay", weight_decay, not_negative},
          {"maximize", maximize},      {"clear_gradients", clear_gradients}};
}
OptimizerStep LionOptions::step(std::int64_t, double*) const {
  return {.rule = LionRule{.rate = lr, .beta1 = beta1, .beta2 = beta2},
          .gradient = maximize ? -1.0 : 1.0,
          .shrink = 1 - lr * weight_decay};
}

}  // namespace joist
