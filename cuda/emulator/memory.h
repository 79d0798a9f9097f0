// The memory of the emulated GPU. Arrays hold addresses that nobody may touch, so that host code that does so ends the
// process, as it would with a GPU; kernels and transfers translate them.
#pragma once

#include <joist/core/memory.h>

namespace joist::cuda::emulator {

/// Every array begins a page of its own, holds NaN at first and is marked for AddressSanitizer to its last byte.
class DeviceMemory final : public Allocator {
 public:
  static DeviceMemory& instance();
  void* allocate(std::size_t bytes) override;
  void release(void* pointer) noexcept override;
  MemoryStatistics statistics() const override;
  void reset_peak() override;
  void trim() override {}
  std::size_t free() const;
  /// For tests of what happens when it is full: at most 1 GiB, which it has at first.
  void set_capacity(std::size_t bytes);

  /// Where the bytes at an address of an array are. Addresses of the host stay.
  static char* inside(const void* address);
  /// Whether all these bytes belong to memory that was asked for and not given back.
  bool holds(const void* address, std::size_t bytes) const;

 private:
  DeviceMemory();
  struct State;
  State* state_;
};

}  // namespace joist::cuda::emulator
