// Data parallel training: every rank computes the gradient of its share of a batch, and all ranks step by the sum.
//
//   const auto world = parallel::self_communicator();     // or what the launcher gives
//   FlatParameters parameters(fields_of(model));
//   parallel::DataParallel shared(*world, parameters, fields_of(model));    // all begin with rank 0's weights
//   AdamW optimizer(parameters);
//   for (const auto& batch : batches) {
//     const auto [first, last] = shared.share(batch.size());   // may be empty
//     const parallel::SharedStatistics statistics(*world);     // batch norm sees all ranks' pictures; leave it out at
//     will const Tensor loss = sum(cross_entropy(model(part(batch, first, last)), …)) / batch.size();
//     shared.backward(loss);                                    // the sum over the ranks is the gradient of the mean
//     optimizer.step();
//   }
//
// Losses are divided by the count of *all* ranks, never by a rank's own: shares of different size, also empty ones,
// then weigh what they should, and N ranks get the loss and gradient of one.
#pragma once

#include <joist/core/parallel/communicator.h>
#include <joist/core/sync_batch_norm.h>
#include <joist/optim/parallel/buckets.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace joist::parallel {

struct DataParallelOptions {
  double bucket_mb = 25;       ///< 2^20 bytes of gradients that travel together
  double first_bucket_mb = 1;  ///< the first ones, smaller so that the exchange begins early
  bool overlap = true;         ///< whether buckets travel while backward still runs
  /// Each rank receives only its own part of the summed gradient, shard_bounds(): for a ShardedOptimizer.
  bool shard = false;
};

/// Things [first, last) of `count` that a rank has; the shares of all ranks make the whole, in order.
std::pair<std::int64_t, std::int64_t> share_of(std::int64_t count, int rank, int ranks);

class DataParallel {
 public:
  /// Copies rank 0's parameters and buffers to all others. The arguments must outlive it. Throws ShapeError where the
  /// ranks' models differ in size.
  DataParallel(Communicator& world, FlatParameters& parameters, std::span<const Field> fields,
               const DataParallelOptions& options = {});
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  /// This rank's share.
  std::pair<std::int64_t, std::int64_t> share(std::int64_t count) const;

  /// Adds the gradient of `loss` to what there is, and, unless `exchange` is false, then exchange()s: a step over
  /// several batches exchanges in its last one only. Buckets travel as soon as backward has finished them. Every rank
  /// calls it equally often.
  void backward(const Tensor& loss, bool exchange = true);
  /// The gradients of all ranks are summed: for ranks without a loss, which add zeros, too.
  void exchange();

  /// The largest norm of the summed gradient: as clip_gradient_norm(), the same number on every rank.
  double clip_gradient_norm(double max_norm);

  Communicator& world() noexcept { return world_; }
  FlatParameters& parameters() noexcept { return parameters_; }
  const DataParallelOptions& options() const noexcept { return options_; }
  /// In the order in which they travel; after the first backward in the order in which that one finished them.
  const std::vector<Bucket>& buckets() const noexcept { return buckets_; }
  /// Buckets that began to travel while the last backward ran.
  std::int64_t overlapped() const noexcept { return overlapped_; }

 private:
  class Watch;
  void send_ready();
  void send(const Bucket& bucket);
  void finish();
  void agree();
  void observe(std::size_t slice);
  void rebuild();

  Communicator& world_;
  FlatParameters& parameters_;
  DataParallelOptions options_;
  std::vector<Bucket> buckets_{};
  std::vector<Work> works_{};
  std::size_t sent_ = 0;
  std::vector<int> written_{}, expected_{};  // per slice: how often backward wrote it, and does in all
  std::vector<std::size_t> order_{};         // slices by when the first backward wrote them last
  bool observed_ = false;
  std::int64_t overlapped_ = 0;
};

/// Copies rank 0's fields, parameters and buffers, to all ranks.
void broadcast_fields(Communicator& world, std::span<const Field> fields);

/// Batch norm over the pictures of all ranks while it lives, on this thread.
class SharedStatistics final : public StatisticsExchange {
 public:
  explicit SharedStatistics(Communicator& world) : world_(world), scope_(this) {}
  void add(const char* what, const Array& numbers) override;

 private:
  Communicator& world_;
  SyncBatchNorm scope_;
};

}  // namespace joist::parallel
