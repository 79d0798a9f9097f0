#include <joist/core/kernels.h>
#include <joist/optim/prodigy.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>

namespace joist {

OptionTable ProdigyOptions::table() {
  return {{"lr", lr, not_negative},
          {"beta1", beta1, {.low = 0, .high = 1, .with_low = false}},
          {"beta2", beta2, below_one},
          {"beta3", beta3, below_one},
          {"eps", eps, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"decouple", decouple},
          {"use_bias_correction", use_bias_correction},
          {"safeguard_warmup", safeguard_warmup},
          {"d0", d0, positive},
          {"d_coef", d_coef, positive},
          {"growth_rate", growth_rate, {.low = 1, .with_high = true}},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Prodigy::Prodigy(FlatParameters& parameters, const ProdigyOptions& options, GroupOptions<ProdigyOptions> own)
    : Groupwise(parameters, options, std::move(own)),
      numbers_(add_numbers("estimate")),
      largest_(add_numbers("largest_estimate")),
      numerator_(add_numbers("numerator")),
      first_moment_(add_buffer("first_moment")),
      second_moment_(add_buffer("second_moment")),
      slow_(add_buffer("slow_gradient")),
      start_(add_buffer("start")) {
  *numbers_ = *largest_ = options.d0;
}

void Prodigy::advance() {
  if (steps() == 1) assign(parameters().values(), start_);
  const ProdigyOptions all = options_of(0);
  const double t = static_cast<double>(steps()), beta3 = all.beta3 > 0 ? all.beta3 : std::sqrt(all.beta2);
  const double correction =
      all.use_bias_correction ? std::sqrt(1 - std::pow(all.beta2, t)) / (1 - std::pow(all.beta1, t)) : 1;
  double &estimate = *numbers_, &largest = *largest_, &numerator = *numerator_;
  const double rate = estimate * all.lr * correction, share = estimate / all.d0;
  const auto decay_of = [&](std::size_t group) { return groups()[group].weight_decay; };

  // Moments, and how far the gradients say that the start is from the solution.
  double along = 0;
  for (std::size_t i = 0; i < groups().size(); ++i) {
    const FlatParameters::Group& group = parameters().groups()[i];
    const double coupled = all.decouple ? 0 : decay_of(i);
    const Array way = copy_of(of_group(start_, group));
    add(-1, group.values, way);
    along += (all.maximize ? -1 : 1) * dot(group.gradients, way) + (coupled > 0 ? coupled * dot(group.values, way) : 0);
    kernels(group.values)
        .optimizer.step({.rule = ProdigyMomentsRule{.beta1 = all.beta1,
                                                    .beta2 = all.beta2,
                                                    .slow = beta3,
                                                    .estimate = estimate,
                                                    .distance = share * (all.safeguard_warmup ? estimate : rate)},
                         .gradient = all.maximize ? -1.0 : 1.0,
                         .weight_decay = coupled},
                        group.values, group.gradients,
                        {of_group(first_moment_, group), of_group(second_moment_, group), of_group(slow_, group)});
  }
  const double below = magnitude_sum(slow_);
  if (below == 0) return;
  numerator = beta3 * numerator + share * rate * along;
  if (all.lr > 0) {
    const double found = all.d_coef * numerator / below;
    if (estimate == all.d0) estimate = std::max(estimate, found);
    largest = std::max(largest, found);
    estimate = std::min(largest, estimate * all.growth_rate);
  }
  for (std::size_t i = 0; i < groups().size(); ++i) {
    const FlatParameters::Group& group = parameters().groups()[i];
    kernels(group.values)
        .optimizer.step({.rule = MomentsStepRule{.rate = rate, .eps = estimate * all.eps},
                         .shrink = all.decouple ? 1 - decay_of(i) * rate : 1},
                        group.values, group.gradients,
                        {of_group(first_moment_, group), of_group(second_moment_, group)});
  }
}

}  // namespace joist
