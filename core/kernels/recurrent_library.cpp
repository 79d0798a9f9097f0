#include <joist/core/kernels/recurrent_library.h>

#include <atomic>

namespace joist {
namespace {

std::array<std::atomic<const LayerLibrary*>, Device::kinds>& libraries() {
  static std::array<std::atomic<const LayerLibrary*>, Device::kinds> all{};
  return all;
}

}  // namespace

void register_layer_library(Device::Kind kind, const LayerLibrary& library) {
  libraries()[static_cast<std::size_t>(kind)].store(&library, std::memory_order_release);
}
const LayerLibrary* layer_library(Device device) noexcept {
  return libraries()[static_cast<std::size_t>(device.kind)].load(std::memory_order_acquire);
}

}  // namespace joist
