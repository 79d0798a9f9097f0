// A step as a graph of the GPU (core/capture.h): the host gives it to the GPU at once instead of kernel by kernel.
// Forward pass and backward always; clipping, optimizer and average, too, where the optimizer can be recorded. Then
// the GPU decides by loss and gradient whether the step is taken, and the host reads that once the next batch is on its
// way.
#pragma once

#include <joist/core/capture.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/task.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// JOIST_CAPTURE=1 asks for it.
bool wants_capture();

class CapturedStep {
 public:
  struct Result {
    BatchLoss loss{};
    /// Whether the optimizer's step was taken, as Learner::step() tells; nothing: that is still to be done.
    std::optional<bool> taken{};
  };

  /// All must outlive it.
  CapturedStep(TrainingTask& task, Learner& learner, Console& console)
      : task_(task), learner_(learner), console_(console) {}
  ~CapturedStep();

  /// After the task's load(): loss and gradients of that batch, as task.repeat() and backward give them, and what
  /// Learner::step() does with them, bit for bit. Nothing, and nothing done, where this batch has to go its usual way:
  /// the first one, one of another shape, a model whose parameters have moved, and for good where a step cannot be
  /// recorded, which is said once.
  std::optional<Result> run(std::int64_t step, const Plan& plan);
  /// Steps that were replayed.
  std::int64_t replayed() const noexcept { return replayed_; }
  /// Whether their optimizer's steps were part of them.
  bool is_whole() const noexcept { return learner_.optimizer().is_recordable(); }

 private:
  /// What must be as it was when the step was recorded.
  std::vector<const void*> places() const;
  /// `limit`: of the gradient's norm.
  void compute(double limit);
  void record(std::int64_t step, const Plan& plan, const RandomKey& key);
  Result result(const Learner::HostState& before);
  void forget();
  void give_up(const std::string& why);

  TrainingTask& task_;
  Learner& learner_;
  Console& console_;
  std::unique_ptr<StepCapture> capture_{};
  std::vector<const void*> places_{};
  Array loss_{};
  bool is_recorded_ = false, has_given_up_ = false;
  std::int64_t replayed_ = 0;
};

}  // namespace joist
