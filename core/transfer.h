// Bytes between host memory and that of a device.
#pragma once

#include <joist/core/array.h>

#include <cstddef>

namespace joist {

/// How a backend moves bytes. Both wait for the device's earlier work on the memory and return when the bytes are
/// there.
struct Transfers {
  void (*to_host)(void* to, const void* from, std::size_t bytes) = nullptr;
  void (*to_device)(void* to, const void* from, std::size_t bytes) = nullptr;
  /// Bytes that arrays may still take, together with those that the allocator keeps for later ones.
  std::size_t (*free_bytes)() = nullptr;
};
/// Called by a backend when it is loaded.
void register_transfers(Device::Kind kind, const Transfers& transfers);

/// Bytes of a device's own memory that are free; 0 for the host and where the backend does not know. Throws
/// EnvironmentError when it is not loaded.
std::size_t free_bytes(Device device);

/// Copies bytes from one device's memory to that of another. Throws EnvironmentError when a backend is not loaded.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);

/// The same elements on the host: the array itself where it is there already, else a copy of the memory that it spans.
Array on_host(const Array& array);
/// The same on a device.
Array on_device(const Array& array, Device device);

}  // namespace joist
