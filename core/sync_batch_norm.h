// Batch normalization over the pictures of several processes.
#pragma once

#include <joist/core/array.h>

namespace joist {

/// What batch_norm() needs of them: the ranks that see parts of one batch.
class StatisticsExchange {
 public:
  virtual ~StatisticsExchange() = default;
  /// `numbers` (float64 [n], where the pictures are) become their sum over all ranks, the same bits on each. Every rank
  /// calls it for the same normalizations in the same order, those without a picture too.
  virtual void add(const char* what, const Array& numbers) = 0;
};

/// While it lives, batch_norm() in training on this thread normalizes by mean and variance over the pictures of all
/// ranks, and its gradient goes through both (torch.nn.SyncBatchNorm). Ranks may have different numbers of pictures, or
/// none. Keep it around forward and backward of a step.
class SyncBatchNorm {
 public:
  /// nullptr: each rank by its own pictures.
  explicit SyncBatchNorm(StatisticsExchange* exchange);
  ~SyncBatchNorm();
  SyncBatchNorm(const SyncBatchNorm&) = delete;
  SyncBatchNorm& operator=(const SyncBatchNorm&) = delete;
  /// That of this thread, or nullptr.
  static StatisticsExchange* active() noexcept;

 private:
  StatisticsExchange* before_;
};

}  // namespace joist
