// Ranks that each train on a GPU.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <chrono>
#include <memory>

namespace joist::parallel {

/// A communicator whose arrays may also lie on this rank's GPU: their collectives go through NCCL, float16 and bfloat16
/// as well where nothing is reduced. A Work of theirs is done when the GPU is. Messages between two ranks go by way of
/// the host. Arrays on the host, the meeting and the supervision stay with `host` (see join()), which nobody else may
/// use from now on. All ranks call it. Throws EnvironmentError that says what is missing (the GPU, its driver, NCCL) or
/// that two ranks have one GPU, CommunicatorError when the ranks' GPUs do not meet within the patience; the other
/// ranks then hear why.
std::unique_ptr<Communicator> gpu_communicator(std::unique_ptr<Communicator> host,
                                               std::chrono::milliseconds patience = std::chrono::milliseconds(300'000));

/// Called by the GPU's backend when it is loaded. `open` does as gpu_communicator().
using OpenGpuCommunicator = std::unique_ptr<Communicator> (*)(std::unique_ptr<Communicator> host,
                                                              std::chrono::milliseconds patience);
void register_gpu_communicator(OpenGpuCommunicator open);

}  // namespace joist::parallel
