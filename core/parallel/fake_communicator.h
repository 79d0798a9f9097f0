// One rank of a world that is not there: for trying what depends on the number of ranks (buckets, shards, checkpoints)
// at sizes that no machine of the developer has.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <memory>
#include <vector>

namespace joist::parallel {

/// What a FakeCommunicator was asked for.
struct FakeCall {
  Collective::Kind kind = Collective::Kind::barrier;
  std::string name{};
  Dtype dtype = Dtype::float32;
  std::int64_t elements = 0;
  std::int64_t begin = 0;  ///< this rank's part
  std::int64_t end = 0;
};

/// Every other rank holds the same data as this one: sums multiply by the number of ranks, maxima and minima change
/// nothing, gathered parts repeat what stands in this rank's part where lengths allow, broadcasts change nothing.
class FakeCommunicator : public Communicator {
 public:
  /// Throws UsageError when there is no such rank.
  FakeCommunicator(int rank, int size);

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }
  std::string transport() const override { return "fake"; }
  void submit(std::shared_ptr<Collective> collective) override;
  void abort(const std::string& reason) override;
  bool aborted() const noexcept override { return !reason_.empty(); }

  /// In the order of the calls.
  const std::vector<FakeCall>& calls() const noexcept { return calls_; }
  /// Bytes that a ring would make this rank send for all calls so far.
  double bytes_sent() const noexcept { return bytes_sent_; }

 protected:
  void throw_if_aborted() override;

 private:
  int rank_;
  int size_;
  std::string reason_{};
  std::vector<FakeCall> calls_{};
  double bytes_sent_ = 0;
};

}  // namespace joist::parallel
