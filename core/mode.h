// Per-thread context of a computation: training or evaluation, and where random numbers come from.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/random.h>

#include <cstdint>

namespace joist {

/// Whether layers behave as in training (batch statistics, dropout). Starts as true, like PyTorch's modules.
bool training() noexcept;

/// Training or evaluation while it lives.
class Mode {
 public:
  enum Kind { training, evaluation };
  explicit Mode(Kind kind);
  ~Mode();
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;

 private:
  bool before_;
};

/// Evaluation mode and no recording: inference.
class Inference {
  Mode mode_{Mode::evaluation};
  NoGradient no_gradient_{};
};

/// Seeds parameter initialization and dropout of this thread and restarts their counters.
void manual_seed(std::uint64_t seed);
/// Names the training step (and micro-shard) that dropout's numbers belong to; restarts the call counter.
void set_random_step(std::uint32_t step, std::uint32_t draw = 0);
/// A key for the next use of random numbers in this thread: the call counter advances.
RandomKey next_random_key(Stream stream);

}  // namespace joist
