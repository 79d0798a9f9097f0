// Gradient accumulation: a step over several parts of a batch that do not fit into memory together.
#pragma once

#include <joist/core/gradient.h>

#include <cstdint>

namespace joist {

///   Accumulation accumulation(4);
///   for (const auto& part : parts)
///     if (accumulation.backward(loss_of(part))) optimizer.step();
///
/// backward() divides the loss by the number of parts, so that the gradient is that of the mean over all of them, and
/// adds to the gradients there are. Equal to one backward over the whole batch when the parts are equally large and the
/// losses are means (for losses of different counts divide sums by the whole count instead).
class Accumulation {
 public:
  /// Throws UsageError for less than 1 part.
  explicit Accumulation(std::int64_t parts);
  /// True when the last part of a step ran: now the optimizer shall step (and clear the gradients).
  bool backward(const Tensor& loss);
  /// Parts of the current step that ran.
  std::int64_t done() const noexcept { return done_; }
  std::int64_t parts() const noexcept { return parts_; }
  /// Forgets the parts that ran; the caller clears the gradients (a step that is left out).
  void restart() noexcept { done_ = 0; }

 private:
  std::int64_t parts_, done_ = 0;
};

}  // namespace joist
