#include <joist/core/capture.h>
#include <joist/core/plugin.h>

#include <array>
#include <atomic>

namespace joist {
namespace {

using Make = std::unique_ptr<StepCapture> (*)();

std::atomic<Make>& entry(Device::Kind kind) {
  static std::array<std::atomic<Make>, Device::kinds> entries{};
  return entries[static_cast<std::size_t>(kind)];
}

}  // namespace

void register_step_capture(Device::Kind kind, Make make) { entry(kind) = make; }

std::unique_ptr<StepCapture> make_step_capture(Device device) {
  if (device.on_host())
    throw UnsupportedError(
        {.where = "capture of a step", .what = "unsupported: the host does its work at once", .expected = "a GPU"});
  if (entry(device.kind) == nullptr) require_backend(device);
  return entry(device.kind).load()();
}

}  // namespace joist
