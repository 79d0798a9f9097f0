// The batches of one optimizer step, shared by several ranks or divided into micro-shards.
#pragma once

#include <joist/core/profile.h>
#include <joist/optim/parallel/data_parallel.h>
#include <joist/optim/parallel/running_buffers.h>
#include <joist/optim/parallel/tree_sum.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/team.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace joist {

/// Two ways to share a batch:
/// - each rank computes its share as one piece; gradients are all-reduced in buckets while backward runs. Batch norm
/// sees
///   all ranks' pictures (or, with --batch-norm local, the share, and running statistics are averaged at each step).
/// - --deterministic=world-size: the batch is divided into micro-shards whatever the number of ranks; each is computed
/// on
///   its own and the gradients are added as a balanced tree, so that any number of ranks gives the same bits.
class ParallelStep {
 public:
  /// Copies rank 0's weights to all ranks.
  ParallelStep(const Team& team, TrainingTask& task, Learner& learner, const TrainOptions& options);

  /// What the batches of a step gave, over all ranks: the same on each.
  struct Totals {
    bool finite = true;
    double loss = 0;              ///< of the last batch
    std::vector<double> parts{};  ///< sums over batches of the terms of the loss
    std::int64_t objects = 0, positives = 0;
    double overlap = 0;  ///< sum over batches of the mean over positives
  };
  /// Gradients of the learner are then those of the whole step. Not finite: there are none, and the batches were
  /// consumed.
  Totals run(std::int64_t step, std::int64_t batches, Profiler* profiler);

  const parallel::DataParallel& gradients() const noexcept { return gradients_; }

 private:
  struct Shard;
  Totals run_shares(std::int64_t step, std::int64_t batches, Profiler* profiler);
  Totals run_shards(std::int64_t step, std::int64_t batches, Profiler* profiler);
  void set_numbers(double* row, const PartLoss& part, std::int64_t pictures) const;
  void count(Totals& totals, const double* sums, double weight) const;
  void merge_buffers(const parallel::RunningBuffers::Values& start, double pictures, double own);

  const Team& team_;
  TrainingTask& task_;
  Learner& learner_;
  TrainOptions options_;
  std::int64_t numbers_;  // per batch and part
  parallel::DataParallel gradients_;
  parallel::RunningBuffers buffers_;
  std::unique_ptr<parallel::TreeSum> tree_{}, buffer_tree_{};
};

}  // namespace joist
