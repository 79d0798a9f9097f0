#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

constinit Registry<const FusedConvolutions*> registry;

}  // namespace

void register_fused_convolutions(Device::Kind kind, const FusedConvolutions& convolutions) {
  registry.set(kind, &convolutions);
}
const FusedConvolutions* fused_convolutions(Device device) noexcept { return registry.find(device.kind); }

}  // namespace joist
