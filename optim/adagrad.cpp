#include <joist/optim/adagrad.h>

namespace joist {
namespace {

template <class Options>
OptimizerStep with_decay(const Options& o, const StepRule& rule) {
  return {.rule = rule, .gradient = o.maximize ? -1.0 : 1.0, .weight_decay = o.weight_decay};
}

}  // namespace

OptionTable AdagradOptions::table() {
  return {{"lr", lr, not_negative},
          {"lr_decay", lr_decay, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"initial_accumulator_value", initial_accumulator_value, not_negative},
          {"eps", eps, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}
OptimizerStep AdagradOptions::step(std::int64_t t, double*) const {
  return with_decay(*this, AdagradRule{.rate = lr / (1 + static_cast<double>(t - 1) * lr_decay), .eps = eps});
}

OptionTable AdadeltaOptions::table() {
  return {{"lr", lr, not_negative},   {"rho", rho, zero_to_one},
          {"eps", eps, not_negative}, {"weight_decay", weight_decay, not_negative},
          {"maximize", maximize},     {"clear_gradients", clear_gradients}};
}
OptimizerStep AdadeltaOptions::step(std::int64_t, double*) const {
  return with_decay(*this, AdadeltaRule{.rate = lr, .rho = rho, .eps = eps});
}

OptionTable RmspropOptions::table() {
  return {{"lr", lr, not_negative},
          {"alpha", alpha, not_negative},
          {"eps", eps, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"momentum", momentum, not_negative},
          {"centered", centered},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}
std::vector<StepBuffer> RmspropOptions::buffers() const {
  std::vector<StepBuffer> buffers{{"square_average"}};
  if (centered) buffers.push_back({"gradient_average"});
  if (momentum != 0) buffers.push_back({"velocity"});
  return buffers;
}
OptimizerStep RmspropOptions::step(std::int64_t, double*) const {
  return with_decay(
      *this,
      RmspropRule{
          .rate = lr, .alpha = alpha, .eps = eps, .momentum = momentum, .centered = centered, .moving = momentum != 0});
}

}  // namespace joist
