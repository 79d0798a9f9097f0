// Decoded pictures that stay in memory.
#pragma once

#include <joist/data/augment/letterbox.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace joist {

/// Keeps the first pictures that fit and never drops one. Epochs visit every picture once, so the share found here
/// equals the share that fits; an order of last use would find none. Thread-safe, without locks.
class PictureCache {
 public:
  using Load = std::function<ScaledPicture(std::size_t index)>;

  /// `limit` bytes of pixels; negative: as LoaderOptions::cache_bytes says.
  PictureCache(std::size_t count, Load load, std::int64_t limit);
  ~PictureCache();
  PictureCache(const PictureCache&) = delete;
  PictureCache& operator=(const PictureCache&) = delete;

  /// The picture, loaded if it is not here. Valid as long as the pointer and the cache live. Throws what `load` throws.
  std::shared_ptr<const ScaledPicture> get(std::size_t index);

  std::int64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::int64_t loaded() const noexcept { return loaded_.load(std::memory_order_relaxed); }

 private:
  Load load_;
  std::int64_t limit_;
  std::vector<std::atomic<const ScaledPicture*>> pictures_;  // owned
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> loaded_{0};
};

}  // namespace joist
