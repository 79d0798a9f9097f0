// What the trainer does differently where several ranks train one model.
#include <joist/tools/training/trainer.h>

namespace joist {

bool Trainer::accumulate_with_others() {
  const ParallelStep::Totals totals = parallel_->run(state_.step, accumulated_, profiler_ ? &*profiler_ : nullptr);
  last_loss_ = totals.loss;
  if (!totals.finite) {
    skip_step("the loss is not finite");
    return false;
  }
  for (std::size_t part = 0; part < totals.parts.size(); ++part) state_.loss_sums[part] += totals.parts[part];
  objects_ += totals.objects;
  positives_ += totals.positives;
  overlaps_ += totals.overlap;
  object_batches_ += accumulated_;
  state_.epoch_batches += accumulated_;
  return true;
}

// Rank 0 evaluates; all ranks go on with what it found.
std::optional<Evaluation> Trainer::evaluated() {
  std::optional<Evaluation> own;
  const bool done = team_.lead("evaluation", [&] {
    const Evaluated weights(learner_.optimizer());
    const Averaged averaged(learner_.average());
    own = task_.evaluate();
    return own.has_value();
  }) != 0;
  if (!done || team_.size() == 1) return own;
  Evaluation found = own ? *own : Evaluation{.values = std::vector<double>(task_.metric_names().size())};
  for (double& value : found.values) value = team_.decided("evaluation", value);
  found.json = team_.decided("evaluation", found.json);
  return found;
}

}  // namespace joist
