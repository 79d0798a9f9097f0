#include <joist/core/kernels.h>
#include <joist/optim/adam.h>

namespace joist {
namespace {

const AdamOptions& checked(const AdamOptions& options) {
  const auto beta = [](double value) { return value >= 0 && value < 1; };
  if (!beta(options.beta1) || !beta(options.beta2))
    throw UsageError({.where = "Adam",
                      .what = "betas " + std::to_string(options.beta1) + ", " + std::to_string(options.beta2),
                      .expected = "0 ≤ beta < 1"});
  if (!(options.lr >= 0) || !(options.epsilon >= 0) || !(options.weight_decay >= 0))
    throw UsageError({.where = "Adam", .what = "a negative lr, epsilon or weight decay"});
  return options;
}

}  // namespace

Adam::Adam(FlatParameters& parameters, const AdamOptions& options) : Adam(parameters, options, false) {}

Adam::Adam(FlatParameters& parameters, const AdamOptions& options, bool decoupled)
    : Optimizer(decoupled ? "adamw" : "adam", parameters,
                {.lr = options.lr, .momentum = options.beta1, .weight_decay = options.weight_decay},
                options.clear_gradients),
      options_(checked(options)),
      decoupled_(decoupled),
      first_moment_(add_buffer("first_moment")),
      second_moment_(add_buffer("second_moment")) {}

void Adam::update(const FlatParameters::Group& group, const GroupSettings& settings, std::int64_t step) {
  const AdamStep one{.rate = settings.lr,
                     .beta1 = settings.momentum,
                     .beta2 = options_.beta2,
                     .epsilon = options_.epsilon,
                     .weight_decay = settings.weight_decay,
                     .decoupled = decoupled_,
                     .step = step};
  kernels(group.values)
      .optimizer.adam(one, group.values, group.gradients, of_group(first_moment_, group),
                      of_group(second_moment_, group));
}

AdamW::AdamW(FlatParameters& parameters, const AdamWOptions& options)
    : Adam(parameters,
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .epsilon = options.epsilon,
            .weight_decay = options.weight_decay,
            .clear_gradients = options.clear_gradients},
           true) {}

}  // namespace joist
