// Memory behind Arrays: a caching allocator per kind of device, and the reference-counted Storage.
#pragma once

#include <joist/core/device.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace joist {

struct MemoryStatistics {
  std::size_t in_use = 0;          ///< bytes handed out now
  std::size_t peak = 0;            ///< most bytes handed out at once since the last reset_peak()
  std::size_t reserved = 0;        ///< bytes held from the system
  std::uint64_t system_calls = 0;  ///< times the system was asked for memory
};

/// Hands out 64-byte aligned blocks and keeps what is given back. Thread-safe.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Throws EnvironmentError naming the size and what is in use when the system refuses.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* pointer) noexcept = 0;
  virtual MemoryStatistics statistics() const = 0;
  virtual void reset_peak() = 0;
  /// Gives wholly free segments back to the system.
  virtual void trim() = 0;
};

/// The allocator of a device. Throws EnvironmentError when its backend is not loaded.
Allocator& allocator(Device device);
/// Called by a backend when it is loaded; `allocator` lives until the process ends.
void register_allocator(Device::Kind kind, Allocator& allocator);

/// A block of device memory shared by Arrays, with the number of times it was written in place.
class Storage {
 public:
  Storage(std::size_t bytes, Device device);
  /// Memory owned by `owner`, which is kept alive; not written to by joist when `owner` says so.
  Storage(void* data, std::size_t bytes, Device device, std::shared_ptr<const void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  Device device() const noexcept { return device_; }
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_relaxed); }
  void bump_version() noexcept { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void* data_;
  std::size_t bytes_;
  Device device_;
  std::atomic<std::uint64_t> version_{0};
  std::shared_ptr<const void> owner_{};
  Allocator* allocator_ = nullptr;
};

}  // namespace joist
