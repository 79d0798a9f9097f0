#include <joist/core/error.h>
#include <joist/optim/schedule_free.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>

namespace joist {

OptionTable ScheduleFreeAdamWOptions::table() {
  return {{"lr", lr, not_negative},
          {"beta1", beta1, {.low = 0, .high = 1, .with_low = false}},
          {"beta2", beta2, below_one},
          {"eps", eps, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"warmup_steps", warmup_steps, not_negative},
          {"r", r, not_negative},
          {"weight_lr_power", weight_lr_power, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

OptimizerStep ScheduleFreeAdamWOptions::step(std::int64_t t, double* numbers) const {
  const auto count = static_cast<double>(t);
  double &largest = numbers[0], &sum = numbers[1];
  const double rate = t <= warmup_steps ? lr * count / static_cast<double>(warmup_steps) : lr;
  largest = std::max(rate, largest);
  const double weight = std::pow(count, r) * std::pow(largest, weight_lr_power);
  sum += weight;
  const double share = sum > 0 ? weight / sum : 0;
  return {.rule = ScheduleFreeRule{.rate = rate,
                                   .mix = share,
                                   .pull = rate * (beta1 * (1 - share) - 1),
                                   .beta2 = beta2,
                                   .eps = eps,
                                   .correction = 1 / std::sqrt(1 - std::pow(beta2, count)),
                                   .weight_decay = weight_decay},
          .gradient = maximize ? -1.0 : 1.0};
}

ScheduleFreeAdamW::ScheduleFreeAdamW(FlatParameters& parameters, const ScheduleFreeAdamWOptions& options,
                                     GroupOptions<ScheduleFreeAdamWOptions> own)
    : Elementwise(parameters, options, std::move(own)), training_(add_numbers("training")) {}

void ScheduleFreeAdamW::eval() {
  if (evaluating()) return;
  trained_ = copy_of(parameters().values());
  move(true);
  averaged_ = copy_of(parameters().values());
}

void ScheduleFreeAdamW::train() {
  if (!evaluating()) return;
  const Array& values = parameters().values();
  if (averaged_.defined() && equal(averaged_, values))
    assign(trained_, values);
  else if (steps() > 0)
    move(false);
  std::fill_n(training_, groups().size(), 1.0);
  trained_ = averaged_ = Array();
  parameters().values_written();
}

// y (where gradients are taken) lies between x (the average) and z: y = beta1 · x + (1 - beta1) · z.
void ScheduleFreeAdamW::move(bool to_average) {
  for (std::size_t i = 0; i < groups().size(); ++i) {
    const FlatParameters::Group& group = parameters().groups()[i];
    const double beta = options_of(i).beta1;
    kernels(group.values)
        .optimizer.interpolate(of_group(buffers_.at("z"), group), to_average ? 1 - 1 / beta : 1 - beta, group.values);
  }
  std::fill_n(training_, groups().size(), to_average ? 0.0 : 1.0);
  parameters().values_written();
}

void ScheduleFreeAdamW::advance() {
  if (evaluating())
    throw UsageError({.where = kind(),
                      .what = "a step with the averaged weights",
                      .remedy = "train() before the steps, eval() before evaluating and saving"});
  if (steps() == 1) assign(parameters().values(), buffers_.at("z"));
  Elementwise::advance();
}

}  // namespace joist
