// From what the user said to figures: defaults by task, and the rates of each step.
#pragma once

#include <joist/core/parallel/communicator.h>
#include <joist/optim/average.h>
#include <joist/optim/optimizer.h>
#include <joist/tools/training/late_parts.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/plan.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace joist {

/// Checks the options that need no data and replaces each "auto" that needs none, so that the result says everything.
/// Throws UsageError.
TrainOptions resolve(TrainOptions options);
/// The model for a task and data; "auto" is replaced by its name in `options`, and so are sizes and rates left open.
/// `classes`, `side` (of pictures in memory, else 0) and `channels` are the data's. Throws UsageError.
const ModelEntry& resolve_model(TrainOptions& options, const ModelRegistry& registry, TaskKind task,
                                std::int64_t classes, std::int64_t side, std::int64_t channels);

/// Batches per optimizer step.
std::int64_t accumulated_batches(const TrainOptions& options);

/// A model under training: flat parameters, optimizer, moving average, and the rates of each step.
class Learner {
 public:
  /// `world`: the ranks that share the optimizer's memory, with --optimizer-state sharded. `anew`: fields that do not
  /// come from --from, for --l2-sp.
  Learner(std::vector<Field> fields, const TrainOptions& options, parallel::Communicator* world = nullptr,
          const std::vector<std::string>& anew = {});

  /// After the gradients of a step are there: clips, steps and averages. False, and nothing changed, where the gradient
  /// is not finite. Rates depend on the step and the plan only.
  bool step(std::int64_t step, const Plan& plan);
  // The same in parts, for steps that are recorded (CapturedStep): clip, restore_buffers(), update().
  /// Of the gradient's norm.
  double clip_limit() const noexcept;
  /// Statistics of frozen normalizations, and of parts that wait, become what they were in keep_buffers().
  void restore_buffers();
  /// Rates of the step, optimizer and average; the gradient is finite.
  void update(std::int64_t step, const Plan& plan);
  /// What update() changes on the host. To take back one that the device did not do after all.
  struct HostState {
    Optimizer::HostState optimizer{};
    std::int64_t updates = 0;  ///< of the average
  };
  HostState host_state() const;
  void restore(const HostState& state);
  /// Another way than clip_gradient_norm() to limit the gradient's norm; returns what it was.
  void clip_with(std::function<double(double limit)> clip) { clip_ = std::move(clip); }
  void set_rate(double rate) { options_.lr = rate; }
  /// Of --schedule plateau, which falls by results.
  void set_plateau(double factor) { plateau_ = factor; }
  /// A step at a rate of one's own, without the average: for tests before a training.
  bool step_at(double rate);
  /// With --l2-sp, remembers the weights as they are now: what each step() pulls towards. Returns their digest; ""
  /// where nothing is pulled.
  std::string keep_start();
  /// Before the forward pass of a step: lets parts of --unfreeze begin. Returns a line for each.
  std::vector<std::string> begin_step(std::int64_t step, const Plan& plan);
  /// Remembers the statistics of frozen normalizations, which each step then restores; call it once the weights are
  /// those that training begins with.
  void keep_buffers();
  /// Drops gradients of a step that is not taken.
  void forget_gradients() { parameters_.clear_gradients(); }
  /// The rate of a step, as a fraction of the options' rate.
  double rate_factor(std::int64_t step, const Plan& plan) const;

  std::span<const Field> fields() const noexcept { return fields_; }
  Optimizer& optimizer() noexcept { return *optimizer_; }
  const Optimizer& optimizer() const noexcept { return *optimizer_; }
  /// nullptr: none.
  MovingAverage* average() noexcept { return average_.get(); }
  const MovingAverage* average() const noexcept { return average_.get(); }
  /// The average of every field, of frozen ones the field itself; empty where there is no average.
  std::vector<NamedState> averaged() const;
  LateParts& late_parts() noexcept { return late_; }
  const LateParts& late_parts() const noexcept { return late_; }
  const FlatParameters& parameters() const noexcept { return parameters_; }
  FlatParameters& parameters() noexcept { return parameters_; }

 private:
  bool clip();

  TrainOptions options_;

  std::vector<Field> fields_;
  LateParts late_;
  std::vector<Field> frozen_buffers_;
  std::vector<Array> kept_buffers_{};
  FlatParameters parameters_;
  std::function<double(double)> clip_{};
  std::vector<double> factors_{};  // of the rate, per group
  Array start_{};                  // what --l2-sp pulls towards, as long as the flat parameters
  double plateau_ = 1;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<MovingAverage> average_;
};

}  // namespace joist
