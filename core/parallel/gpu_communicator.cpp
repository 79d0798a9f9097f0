#include <joist/core/parallel/gpu_communicator.h>
#include <joist/core/plugin.h>

#include <atomic>
#include <exception>
#include <utility>

namespace joist::parallel {
namespace {

std::atomic<OpenGpuCommunicator>& registered() {
  static std::atomic<OpenGpuCommunicator> open{nullptr};
  return open;
}

}  // namespace

void register_gpu_communicator(OpenGpuCommunicator open) { registered() = open; }

std::unique_ptr<Communicator> gpu_communicator(std::unique_ptr<Communicator> host, std::chrono::milliseconds patience) {
  if (registered() == nullptr) {
    try {
      require_backend({Device::Kind::cuda, 0});
    } catch (const std::exception& error) {
      host->abort(error.what());
      throw;
    }
  }
  return registered().load()(std::move(host), patience);
}

}  // namespace joist::parallel
