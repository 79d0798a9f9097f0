#include <joist/core/kernels.h>
#include <joist/optim/layerwise.h>
#include <joist/optim/vectors.h>

#include <cmath>

namespace joist {

OptionTable LambOptions::table() {
  return {{"lr", lr, not_negative},
          {"beta1", beta1, below_one},
          {"beta2", beta2, below_one},
          {"eps", eps, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Lamb::Lamb(FlatParameters& parameters, const LambOptions& options, GroupOptions<LambOptions> own)
    : Groupwise(parameters, options, std::move(own)),
      first_moment_(add_buffer("first_moment")),
      second_moment_(add_buffer("second_moment")),
      direction_(parameters.zeros()) {}

void Lamb::update(std::size_t index, const LambOptions& o) {
  const FlatParameters::Group& group = parameters().groups()[index];
  const Array direction = of_group(direction_, group);
  const auto t = static_cast<double>(steps());
  // A step from 0 is minus Adam's direction.
  kernels(direction).elementwise.fill(0, direction);
  kernels(direction).optimizer.step({.rule = AdamRule{.rate = 1 / (1 - std::pow(o.beta1, t)),
                                                      .beta1 = o.beta1,
                                                      .beta2 = o.beta2,
                                                      .eps = o.eps,
                                                      .correction = 1 / std::sqrt(1 - std::pow(o.beta2, t))},
                                     .gradient = o.maximize ? -1.0 : 1.0},
                                    direction, group.gradients,
                                    {of_group(first_moment_, group), of_group(second_moment_, group)});
  if (o.weight_decay != 0) add(-o.weight_decay, group.values, direction);
  for (const FlatParameters::Slice& slice : slices_of(parameters(), index)) {
    const Array values = vector_of(parameters().values(), slice), step = vector_of(direction_, slice);
    const double weight = norm(values), length = norm(step);
    add(weight > 0 && length > 0 ? o.lr * weight / length : o.lr, step, values);
  }
}

OptionTable LarsOptions::table() {
  return {{"lr", lr, not_negative},
          {"momentum", momentum, zero_to_one},
          {"dampening", dampening, zero_to_one},
          {"weight_decay", weight_decay, not_negative},
          {"trust_coefficient", trust_coefficient, not_negative},
          {"nesterov", nesterov},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Lars::Lars(FlatParameters& parameters, const LarsOptions& options, GroupOptions<LarsOptions> own)
    : Groupwise(parameters, options, std::move(own)), velocity_(add_buffer("velocity")) {}

void Lars::update(std::size_t index, const LarsOptions& o) {
  for (const FlatParameters::Slice& slice : slices_of(parameters(), index)) {
    const Array values = vector_of(parameters().values(), slice), slope = vector_of(parameters().gradients(), slice);
    const bool scaled = slice.tensor.rank() > 1;
    double trust = 1;
    if (scaled) {
      const double weight = norm(values), below = norm(slope) + o.weight_decay * weight;
      if (weight > 0 && below > 0) trust = o.trust_coefficient * weight / below;
    }
    kernels(values).optimizer.step({.rule = SgdRule{.rate = o.lr,
                                                    .momentum = o.momentum,
                                                    .undamped = 1 - o.dampening,
                                                    .nesterov_momentum = o.momentum,
                                                    .moving = true,
                                                    .nesterov = o.nesterov},
                                    .gradient = (o.maximize ? -1 : 1) * trust,
                                    .weight_decay = scaled ? trust * o.weight_decay : 0},
                                   values, slope, {vector_of(velocity_, slice)});
  }
}

}  // namespace joist
