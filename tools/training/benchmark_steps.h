// The steps of a benchmark: one batch again and again, given to the GPU operation by operation or as a recorded graph.
#pragma once

#include <joist/core/capture.h>
#include <joist/core/profile.h>
#include <joist/optim/optimizer.h>
#include <joist/tools/training/benchmark_batch.h>
#include <joist/tools/training/padded_detection.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace joist {

class BenchmarkSteps {
 public:
  struct Options {
    bool bfloat16 = false;
    /// JOIST_CAPTURE=1: the first step makes what is kept, the second is the rehearsal, the third is recorded.
    bool capture = false;
  };
  /// Brings the batch to the model's device. All must outlive it.
  BenchmarkSteps(Model& model, BenchmarkBatch& batch, Optimizer& optimizer, const Options& options);

  /// Forward, loss, backward and optimizer; returns the loss, one element, which a GPU may still be computing. With a
  /// profiler nothing is replayed.
  Array run(Profiler* profiler = nullptr);
  /// Steps that were replayed.
  std::int64_t replayed() const noexcept { return replayed_; }
  /// Why steps are not recorded although that was asked for; "": they are, or it was not.
  const std::string& why_not() const noexcept { return why_not_; }

 private:
  Tensor loss();
  /// Loss and gradients, and nothing that asks the device.
  void differentiate();
  Array by_operations(Profiler* profiler);
  /// Undefined, and nothing done, where the step has to go its usual way.
  Array by_graph();
  std::string why_never() const;

  Model& model_;
  BenchmarkBatch& batch_;
  Optimizer& optimizer_;
  Options options_;
  std::optional<PaddedDetection> padded_{};  // of detectors on a GPU
  std::unique_ptr<StepCapture> capture_{};
  Array loss_{};  // of differentiate()
  bool is_recorded_ = false;
  std::int64_t steps_ = 0, replayed_ = 0;
  std::string why_not_{};
};

}  // namespace joist
