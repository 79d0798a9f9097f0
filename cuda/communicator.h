// Ranks that each have a GPU: collectives of arrays there go through NCCL in a stream of their own.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <chrono>
#include <memory>

namespace joist::cuda {

/// Arrays on the host, messages between two ranks, meeting and supervision stay with `host`, which must belong to this
/// call's result from now on. Throws CommunicatorError when the ranks do not meet within the patience,
/// EnvironmentError where NCCL is missing.
std::unique_ptr<parallel::Communicator> gpu_communicator(
    std::unique_ptr<parallel::Communicator> host,
    std::chrono::milliseconds patience = std::chrono::milliseconds(300'000));

}  // namespace joist::cuda
