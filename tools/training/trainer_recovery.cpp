// What the trainer does when numbers stop being finite, when nothing gets better, and when nothing is found.
#include <joist/core/anomaly.h>
#include <joist/core/kernels.h>
#include <joist/tools/training/rates.h>
#include <joist/tools/training/trainer.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr std::int64_t most_skipped_in_a_row = 10;
constexpr int most_rolled_back = 3;
constexpr std::int64_t few_steps = 300;

// The operation and layer where a number stopped being finite, found by going through the batch once more.
std::string origin_of_nan(TrainingTask& task) {
  std::vector<std::pair<Array, Array>> buffers;  // statistics that another pass would change
  for (const Field& field : task.model().fields())
    if (!field.trainable) buffers.emplace_back(field.tensor.value(), copy_of(field.tensor.value()));
  std::string result = "once more, the same batch gives finite numbers";
  try {
    const DetectAnomaly anomaly(task.model().fields());
    const BatchLoss loss = task.repeat();
    loss.loss.backward();
  } catch (const Error& error) {
    result = std::string("born here: ") + error.what();
  }
  for (const auto& [value, before] : buffers) kernels(before).elementwise.copy(before, {value, false});
  return result;
}

}  // namespace

void Trainer::skip_step(const std::string& why) {
  learner_.forget_gradients();
  learner_.restore_buffers();
  ++state_.skipped;
  const std::string pictures = task_.last_pictures();
  if (++skipped_in_a_row_ >= most_skipped_in_a_row && roll_back(why)) return;
  if (skipped_in_a_row_ >= most_skipped_in_a_row)
    throw DataError({.where = fmt::format("step {}", state_.step + 1),
                     .what = fmt::format("training diverged: {}, for {} steps in a row; last pictures: {}", why,
                                         skipped_in_a_row_, pictures),
                     .remedy = fmt::format("a lower --lr (now {}); {} is from before", options_.lr,
                                           writer_.folder().last().string())});
  console_.warn(fmt::format("step {} is left out: {}; pictures: {}", state_.step + 1, why, pictures));
  if (skipped_in_a_row_ > 1) return;
  if (team_.size() == 1)
    console_.warn("  " + origin_of_nan(task_));  // layers that talk to other ranks run together only
  learner_.forget_gradients();
}

bool Trainer::roll_back(const std::string& why) {
  if (rolled_back_ >= most_rolled_back) return false;
  ++rolled_back_;
  const Checkpoint last =
      *team_.shared(team_.leads() ? std::optional(read_checkpoint(writer_.folder().last())) : std::nullopt);
  const std::int64_t from = state_.step;
  const bool was_resumed = resumed_;
  const TimeBudget budget = budget_;  // time does not go back
  resume(last);
  resumed_ = was_resumed;
  budget_ = budget;
  options_.lr /= 2;
  learner_.set_rate(options_.lr);
  skipped_in_a_row_ = 0;
  objects_ = positives_ = object_batches_ = 0;
  overlaps_ = 0;
  console_.warn(fmt::format("training diverged at step {}: {}; back to step {}, with the rate halved to {}", from + 1,
                            why, state_.step, options_.lr));
  task_.seek(state_.step * accumulated_, closing_ = is_closing());
  --state_.step;  // which the step that led here counts
  has_rolled_back_ = true;
  return true;
}

std::int64_t Trainer::evaluations_since_best() const {
  if (task_.metric_names().empty()) return 0;
  std::int64_t count = 0;
  for (auto row = static_cast<std::size_t>(state_.best_epoch); row < state_.log.rows(); ++row)
    count += state_.log.at(row, task_.metric_names()[0]).has_value();
  return count;
}

void Trainer::check_patience() {
  exhausted_ = options_.patience > 0 && task_.can_evaluate() && state_.best_epoch > 0 &&
               evaluations_since_best() >= options_.patience;
}

void Trainer::follow_results() {
  if (!task_.can_evaluate() || task_.metric_names().empty()) return;
  learner_.set_plateau(plateau_factor(options_, state_.log, task_.metric_names()[0]));
}

void Trainer::diagnose(const Evaluation& evaluation) {
  constexpr double nothing = 1e-3;
  std::int64_t evaluations = 1;  // this one, which is not in the log yet
  for (std::size_t row = 0; row < state_.log.rows(); ++row)
    evaluations += state_.log.at(row, task_.metric_names()[0]).has_value();
  const bool is_time = evaluations == 3 || evaluations == 10 || is_over();
  if (evaluation.values.empty() || evaluation.values[0] > nothing || state_.best_value > nothing || !is_time) return;
  console_.warn(fmt::format("{} is still {:.4f} after {} steps. What stands out:", task_.metric_names()[0],
                            evaluation.values[0], state_.step));
  std::vector<std::string> lines = task_.suspicions();
  if (objects_ > 0) {
    const double each = static_cast<double>(positives_) / static_cast<double>(objects_);
    lines.push_back(fmt::format("{:.1f} places of the model's grid learn each object, with a mean overlap of {:.2f}{}",
                                each, overlaps_ / static_cast<double>(std::max<std::int64_t>(object_batches_, 1)),
                                each < 1 ? ": many objects have none; they are too small for this --size" : ""));
  }
  if (learner_.average()) {
    // With the weights as they are: the average of a young run is mostly what it began with.
    const Evaluated evaluated(learner_.optimizer());
    if (const auto raw = task_.evaluate(); raw && raw->values[0] > 2 * nothing)
      lines.push_back(
          fmt::format("without the moving average it is {:.4f}: the average is behind; a longer run, or "
                      "--average-decay 0",
                      raw->values[0]));
  }
  if (state_.step < few_steps)
    lines.push_back(
        fmt::format("{} steps are few: detectors from scratch need some hundreds before anything is found; "
                    "more --epochs, a smaller --batch, or --from a trained checkpoint",
                    state_.step));
  if (lines.empty())
    lines.emplace_back(
        "nothing in data or training; `joist train --overfit-one-batch` tells whether model and labels fit");
  for (const std::string& line : lines) console_.warn("  - " + line);
}

}  // namespace joist
