// Plans of libraries: found once for a description, used many times.
#pragma once

#include <joist/core/array.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace joist::cuda {

/// What was planned, by description. What is in use outlives its place here. For any thread.
template <class Description, class Planned>
class Plans {
 public:
  /// make(description) where it was not asked for before.
  template <class Make>
  std::shared_ptr<const Planned> operator()(const Description& description, const Make& make) {
    const std::lock_guard lock(mutex_);
    if (const auto found = plans_.find(description); found != plans_.end()) return found->second;
    if (plans_.size() >= most) plans_.clear();  // sequences of many lengths
    return plans_[description] = make(description);
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    plans_.clear();
  }

 private:
  static constexpr std::size_t most = 8192;
  std::mutex mutex_{};
  std::map<Description, std::shared_ptr<const Planned>> plans_{};
};

/// Of an address, in bytes; at most 256.
inline std::int64_t alignment_of(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  return static_cast<std::int64_t>(std::min<std::uintptr_t>(number & (~number + 1), 256));
}

/// A plan's workspace, from the allocator of arrays. Given back at once: what takes it next comes after the plan's work
/// in the one stream.
class Workspace {
 public:
  Workspace(std::size_t bytes, Device device) {
    if (bytes > 0) memory_ = Array::empty({static_cast<std::int64_t>(bytes)}, Dtype::uint8, device);
  }
  void* get() const { return memory_.defined() ? memory_.raw() : nullptr; }

 private:
  Array memory_{};
};

}  // namespace joist::cuda
