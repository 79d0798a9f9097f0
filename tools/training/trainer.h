// The training loop: steps, schedule, evaluation, log, checkpoints, budget, clean stops. What is learned is the task's
// business.
#pragma once

#include <joist/core/profile.h>
#include <joist/tools/training/budget.h>
#include <joist/tools/training/captured_step.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/parallel_step.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/run_writer.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/team.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

class Trainer {
 public:
  using Clock = std::chrono::steady_clock;

  /// `options` are resolved. `began`: when the process began, for the time budget. `team`: the ranks that train
  /// together, each with a Trainer of its own; only rank 0's writes. Copies rank 0's weights to all. `anew`: fields
  /// that do not come from --from, for --l2-sp, which pulls the others towards what they are now.
  Trainer(const TrainOptions& options, TrainingTask& task, RunWriter& writer, Console& console, Clock::time_point began,
          Team* team = nullptr, const std::vector<std::string>& anew = {});

  /// Goes on where a checkpoint stands. Throws DataError when it is not of this model and optimizer, or when it was
  /// pulled towards other weights.
  void resume(const Checkpoint& checkpoint);
  /// Trains to the end. Returns 0, or the signal after which everything was saved. Throws DataError when training
  /// diverges; EnvironmentError when the first or the last save fails: those between are warned of and tried again.
  int run();
  bool is_finished() const;
  /// The long arrays beside weights and gradients: the optimizer's and the average.
  std::vector<NamedState> kept_arrays() const;
  /// Steps that were done as a recorded graph; see CapturedStep.
  std::int64_t replayed_steps() const { return captured_ ? captured_->replayed() : 0; }
  /// As it would be saved now. Every rank calls it.
  TrainingState state() const;

 private:
  void train_step();
  /// Runs the batches of a step. False where a loss is not finite.
  bool accumulate_gradients();
  bool accumulate_with_others();
  /// Why steps are not recorded though JOIST_CAPTURE asks for it; "" where nothing speaks against it.
  std::string why_no_capture() const;
  std::optional<Evaluation> evaluated();
  void skip_step(const std::string& why);
  /// Starts the profile after a few steps and writes it a few steps later, or, with `last`, now.
  void profile(bool last);
  void replan();
  /// Evaluates if it is time, adds the row of the log, keeps the best weights. False when a signal came.
  bool finish_epoch();
  bool wants_evaluation(std::int64_t epoch) const;
  void add_row(std::int64_t epoch, const std::optional<Evaluation>& evaluation);
  void keep_best(std::int64_t epoch, const std::optional<Evaluation>& evaluation);
  bool is_over() const { return (plan_.total() > 0 && state_.step >= plan_.total()) || exhausted_; }
  /// Evaluations since the best one; those of the log.
  std::int64_t evaluations_since_best() const;
  void check_patience();
  /// Lets the rate fall where the schedule says so by results.
  void follow_results();
  /// Says what may be wrong where evaluations stay at 0.
  void diagnose(const Evaluation& evaluation);
  /// Back to the last checkpoint with half the rate. False where there were too many of them already.
  bool roll_back(const std::string& why);
  /// Rows that the log shall have at this step.
  std::int64_t rows_due() const;
  std::int64_t rows() const { return static_cast<std::int64_t>(state_.log.rows()); }
  bool is_closing() const { return plan_.progress(state_.step) >= 1 - options_.close_mosaic; }
  Checkpoint whole_checkpoint() const;
  void save(bool required);
  int stop(int signal);
  void show_progress();

  TrainOptions options_;
  TrainingTask& task_;
  RunWriter& writer_;
  Console& console_;
  Clock::time_point began_;
  Team alone_{};
  Team& team_;
  Learner learner_;
  std::optional<ParallelStep> parallel_{};  // several ranks, or micro-shards
  std::optional<CapturedStep> captured_{};
  std::optional<bool> taken_{};  // this step, by a recorded one that ends with the optimizer
  Plan plan_;
  TimeBudget budget_;
  std::int64_t accumulated_;  // batches per step
  TrainingState state_{};     // of it, options, plan, optimizer and times are filled in by state()
  bool replayed_;             // the plan was given: nothing is decided anew
  bool resumed_ = false;
  bool closing_ = false;
  bool exhausted_ = false;  // its patience
  int rolled_back_ = 0;
  bool has_rolled_back_ = false;                                   // in this step
  std::int64_t objects_ = 0, positives_ = 0, object_batches_ = 0;  // of this row's batches
  double overlaps_ = 0;
  bool row_lacks_evaluation_ = false;  // of the row that ends at this step
  std::int64_t skipped_in_a_row_ = 0;
  double last_loss_ = 0;
  std::optional<Profiler> profiler_{};
  std::int64_t steps_run_ = 0;  // by this process
  Clock::time_point row_began_{};
  std::int64_t row_began_step_ = 0;
};

}  // namespace joist
