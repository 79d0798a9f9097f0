#include <joist/core/kernels.h>
#include <joist/core/plugin.h>
#include <joist/tools/training/device.h>

namespace joist {

DeviceChoice choose_device(const std::string& wanted) {
  constexpr Device gpu{Device::Kind::cuda, 0};
  if (wanted == "cpu") return {};
  if (wanted != "cuda" && wanted != "auto")
    throw UsageError({.where = "--device", .what = "\"" + wanted + "\"", .expected = "auto, cpu, cuda"});
  try {
    static_cast<void>(kernels(gpu));
    return {.device = gpu};
  } catch (const EnvironmentError&) {
    if (wanted == "cuda") throw;
    if (!plugin_exists("cuda")) return {};
    return {.note = "the GPU is not used: " + why_no_backend(gpu.kind)};
  }
}

}  // namespace joist
