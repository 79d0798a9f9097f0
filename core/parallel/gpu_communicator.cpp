#include <joist/core/parallel/gpu_communicator.h>
#include <joist/core/plugin.h>

#include <utility>

namespace joist::parallel {

std::unique_ptr<Communicator> gpu_communicator(std::unique_ptr<Communicator> host, std::chrono::milliseconds patience) {
  require_backend({Device::Kind::cuda, 0});
  const Plugin plugin = load_plugin("cuda", {.to_build = "nvcc was not installed",
                                             .to_run = "CUDA's backend could not be loaded",
                                             .remedy = "--device cpu works everywhere"});
  using Open = Communicator* (*)(std::unique_ptr<Communicator>&, std::chrono::milliseconds);
  const auto open = reinterpret_cast<Open>(plugin.function("joist_cuda_communicator"));
  if (!open) throw EnvironmentError({.where = "ranks by NCCL", .what = plugin.missing, .remedy = plugin.remedy});
  return std::unique_ptr<Communicator>(open(host, patience));
}

}  // namespace joist::parallel
