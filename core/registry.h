// What backends offer, registered when they are loaded: one entry for each kind of device.
#pragma once

#include <joist/core/device.h>
#include <joist/core/plugin.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace joist {

/// Entry: a pointer to a function, or to what lives until the process ends. As a constinit static it can be used before
/// and after all other static objects live.
template <class Entry>
class Registry {
 public:
  void set(Device::Kind kind, Entry entry) noexcept {
    entries_[static_cast<std::size_t>(kind)].store(entry, std::memory_order_release);
  }
  /// nullptr: nothing is registered.
  Entry find(Device::Kind kind) const noexcept {
    return entries_[static_cast<std::size_t>(kind)].load(std::memory_order_acquire);
  }
  /// Loads the device's backend if nothing is registered yet. Throws EnvironmentError where it cannot be used.
  Entry get(Device device) const {
    if (const Entry found = find(device.kind)) return found;
    require_backend(device);
    return find(device.kind);
  }

 private:
  std::array<std::atomic<Entry>, Device::kinds> entries_{};
};

}  // namespace joist
