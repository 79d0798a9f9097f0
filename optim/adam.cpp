#include <joist/optim/adam.h>

#include <cmath>

namespace joist {
namespace {

double bias(double beta, std::int64_t t) { return 1 - std::pow(beta, static_cast<double>(t)); }

// The options that all of these have.
template <class Options>
OptionTable moments(Options& o) {
  return {{"lr", o.lr, not_negative},
          {"beta1", o.beta1, below_one},
          {"beta2", o.beta2, below_one},
          {"eps", o.eps, not_negative},
          {"weight_decay", o.weight_decay, not_negative},
          {"maximize", o.maximize},
          {"clear_gradients", o.clear_gradients}};
}
OptionTable with(OptionTable table, std::initializer_list<OptionEntry> more) {
  table.insert(table.end(), more);
  return table;
}

std::vector<StepBuffer> adam_buffers(bool amsgrad) {
  std::vector<StepBuffer> buffers{{"first_moment"}, {"second_moment"}};
  if (amsgrad) buffers.push_back({"largest_second_moment"});
  return buffers;
}

template <class Options>
AdamRule adam_rule(const Options& o, std::int64_t t) {
  return {.rate = o.lr / bias(o.beta1, t),
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .eps = o.eps,
          .correction = 1 / std::sqrt(bias(o.beta2, t)),
          .amsgrad = o.amsgrad};
}

// A rule with weight decay of either kind.
template <class Options>
OptimizerStep decayed(const Options& o, bool decoupled, const StepRule& rule) {
  return {.rule = rule,
          .gradient = o.maximize ? -1.0 : 1.0,
          .weight_decay = decoupled ? 0 : o.weight_decay,
          .shrink = decoupled ? 1 - o.lr * o.weight_decay : 1};
}

}  // namespace

OptionTable AdamOptions::table() { return with(moments(*this), {{"amsgrad", amsgrad}}); }
std::vector<StepBuffer> AdamOptions::buffers() const { return adam_buffers(amsgrad); }
OptimizerStep AdamOptions::step(std::int64_t t, double*) const { return decayed(*this, false, adam_rule(*this, t)); }

OptionTable AdamWOptions::table() { return with(moments(*this), {{"amsgrad", amsgrad}}); }
std::vector<StepBuffer> AdamWOptions::buffers() const { return adam_buffers(amsgrad); }
OptimizerStep AdamWOptions::step(std::int64_t t, double*) const { return decayed(*this, true, adam_rule(*this, t)); }

OptionTable AdamaxOptions::table() { return moments(*this); }
OptimizerStep AdamaxOptions::step(std::int64_t t, double*) const {
  return decayed(*this, false, AdamaxRule{.rate = lr / bias(beta1, t), .beta1 = beta1, .beta2 = beta2, .eps = eps});
}

OptionTable NadamOptions::table() {
  return with(moments(*this),
              {{"momentum_decay", momentum_decay, not_negative}, {"decoupled_weight_decay", decoupled_weight_decay}});
}
OptimizerStep NadamOptions::step(std::int64_t t, double* numbers) const {
  const auto momentum_at = [&](std::int64_t step) {
    return beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(step) * momentum_decay));
  };
  const double mu = momentum_at(t), next = momentum_at(t + 1);
  double& product = numbers[0];
  product *= mu;
  return decayed(*this, decoupled_weight_decay,
                 NadamRule{.gradient_rate = lr * (1 - mu) / (1 - product),
                           .moment_rate = lr * next / (1 - product * next),
                           .beta1 = beta1,
                           .beta2 = beta2,
                           .eps = eps,
                           .correction = 1 / std::sqrt(bias(beta2, t))});
}

OptionTable RadamOptions::table() { return with(moments(*this), {{"decoupled_weight_decay", decoupled_weight_decay}}); }
OptimizerStep RadamOptions::step(std::int64_t t, double*) const {
  const auto count = static_cast<double>(t);
  const double correction2 = bias(beta2, t), longest = 2 / (1 - beta2) - 1;
  const double length = longest - 2 * count * std::pow(beta2, count) / correction2;  // of the averaged window
  const bool rectified = length > 5;
  double rate = lr / bias(beta1, t);
  if (rectified)
    rate *= std::sqrt(correction2) *
            std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  return decayed(*this, decoupled_weight_decay,
                 RadamRule{.rate = rate, .beta1 = beta1, .beta2 = beta2, .eps = eps, .rectified = rectified});
}

}  // namespace joist
