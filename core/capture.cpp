#include <joist/core/capture.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

using Make = std::unique_ptr<StepCapture> (*)();

constinit Registry<Make> registry;

}  // namespace

void register_step_capture(Device::Kind kind, Make make) { registry.set(kind, make); }

std::unique_ptr<StepCapture> make_step_capture(Device device) {
  if (device.on_host())
    throw UnsupportedError(
        {.where = "capture of a step", .what = "unsupported: the host does its work at once", .expected = "a GPU"});
  return registry.get(device)();
}

}  // namespace joist
