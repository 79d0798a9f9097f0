#include <joist/core/kernels.h>
#include <joist/optim/sgd.h>

namespace joist {
namespace {

const SgdOptions& checked(const SgdOptions& options) {
  if (!(options.lr >= 0) || !(options.momentum >= 0) || !(options.weight_decay >= 0))
    throw UsageError({.where = "Sgd", .what = "a negative lr, momentum or weight decay"});
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0))
    throw UsageError({.where = "Sgd",
                      .what = "Nesterov with momentum " + std::to_string(options.momentum) + " and dampening " +
                              std::to_string(options.dampening),
                      .expected = "momentum above 0 and dampening 0"});
  return options;
}

}  // namespace

Sgd::Sgd(FlatParameters& parameters, const SgdOptions& options)
    : Optimizer("sgd", parameters,
                {.lr = options.lr, .momentum = options.momentum, .weight_decay = options.weight_decay},
                options.clear_gradients),
      options_(checked(options)) {
  if (options.momentum != 0) velocity_ = add_buffer("velocity");
}

void Sgd::update(const FlatParameters::Group& group, const GroupSettings& settings, std::int64_t step) {
  const bool moving = velocity_.defined();
  const SgdStep one{.rate = settings.lr,
                    .momentum = moving ? settings.momentum : 0,
                    .dampening = options_.dampening,
                    .weight_decay = settings.weight_decay,
                    .nesterov = options_.nesterov,
                    .first = step == 1};
  kernels(group.values)
      .optimizer.sgd(one, group.values, group.gradients, moving ? of_group(velocity_, group) : Array());
}

}  // namespace joist
