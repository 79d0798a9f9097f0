#include <joist/core/kernels.h>
#include <joist/core/plugin.h>
#include <joist/tools/training/device.h>

#include <filesystem>

namespace joist {
namespace {

// Whether a driver shows its GPU, under Linux or WSL2: a machine that has none need not hear of GPUs.
bool has_gpu() { return std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/dxg"); }

}  // namespace

DeviceChoice choose_device(const std::string& wanted) {
  constexpr Device gpu{Device::Kind::cuda, 0};
  if (wanted == "cpu") return {};
  if (wanted != "cuda" && wanted != "auto")
    throw UsageError({.where = "--device", .what = "\"" + wanted + "\"", .expected = "auto, cpu, cuda"});
  if (wanted == "cuda") {
    static_cast<void>(kernels(gpu));
    return {.device = gpu};
  }
  if (!plugin_exists("cuda") || !has_gpu()) return {};
  const std::string reason = why_no_backend(gpu.kind);
  if (!reason.empty()) return {.note = "the GPU is not used: " + reason};
  return {.device = gpu};
}

}  // namespace joist
