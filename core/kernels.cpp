#include <joist/core/cpu/kernels.h>
#include <joist/core/kernels.h>

#include <array>
#include <atomic>

namespace joist {
namespace {

std::array<std::atomic<const Kernels*>, Device::kinds>& tables() {
  static std::array<std::atomic<const Kernels*>, Device::kinds> tables{};
  return tables;
}

}  // namespace

const Kernels& kernels(Device device) {
  auto& entry = tables()[static_cast<std::size_t>(device.kind)];
  if (const Kernels* table = entry.load(std::memory_order_acquire)) return *table;
  if (device.kind == Device::Kind::cpu) {
    entry.store(&cpu_kernels(), std::memory_order_release);
    return cpu_kernels();
  }
  throw EnvironmentError({.where = device.text(),
                          .what = "no backend is loaded for this device",
                          .remedy = "`joist doctor` says why; --device cpu works everywhere"});
}

void register_kernels(Device::Kind kind, const Kernels& table) {
  tables()[static_cast<std::size_t>(kind)].store(&table, std::memory_order_release);
}

}  // namespace joist
