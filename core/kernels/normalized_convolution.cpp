#include <joist/core/kernels/normalized_convolution.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

constinit Registry<const NormalizedConvolutions*> registry;

}  // namespace

void register_normalized_convolutions(Device::Kind kind, const NormalizedConvolutions& convolutions) {
  registry.set(kind, &convolutions);
}
const NormalizedConvolutions* normalized_convolutions(Device device) noexcept { return registry.find(device.kind); }

}  // namespace joist
