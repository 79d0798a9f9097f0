#include <joist/core/kernels/recurrent_library.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

constinit Registry<const LayerLibrary*> registry;

}  // namespace

void register_layer_library(Device::Kind kind, const LayerLibrary& library) { registry.set(kind, &library); }
const LayerLibrary* layer_library(Device device) noexcept { return registry.find(device.kind); }

}  // namespace joist
