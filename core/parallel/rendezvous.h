// Ranks find each other through rank 0's address: each proves that it knows the job's token (HMAC-SHA-256, both ways),
// then every pair is connected, then nobody listens any more.
#pragma once

#include <joist/core/parallel/launch.h>
#include <joist/core/parallel/mesh_communicator.h>

namespace joist::parallel {

/// Meets by TCP. Throws CommunicatorError that names the missing ranks when the patience is over, UsageError when two
/// processes claim one rank or disagree about the number of ranks, EnvironmentError when rank 0 cannot listen.
std::unique_ptr<Communicator> tcp_communicator(const Launch& launch, const JoinOptions& options);

/// Rank 0 for supervision only: connections of all ranks to rank 0, met by another way (MPI) that tells the others
/// where.
class WatchMeeting {
 public:
  /// Rank 0 listens at a port of the system's choice.
  WatchMeeting(int rank, int size);
  ~WatchMeeting();
  /// Rank 0: what the others need to come; to be broadcast.
  std::string invitation() const;
  /// The links for a Watch. Others: `invitation` is rank 0's.
  std::vector<Descriptor> meet(const std::string& invitation, std::chrono::milliseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::parallel
