// Ranks that each have a GPU: collectives of arrays there go through NCCL in a stream of their own.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace joist::cuda {

/// Arrays on the host, messages between two ranks, meeting and supervision stay with `host`, which must belong to this
/// call's result from now on. Throws CommunicatorError when the ranks do not meet within the patience,
/// EnvironmentError where NCCL is missing or two ranks have one GPU, after telling the others.
std::unique_ptr<parallel::Communicator> gpu_communicator(
    std::unique_ptr<parallel::Communicator> host,
    std::chrono::milliseconds patience = std::chrono::milliseconds(300'000));

/// The ranks that have the same GPU, by driver::gpu_name() of each, as a sentence; "" where each has its own.
std::string gpu_of_two(const std::vector<std::string>& names);

}  // namespace joist::cuda
