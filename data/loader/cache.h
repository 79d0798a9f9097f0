// Decoded pictures that stay at hand: some in memory, the rest in a temporary file, or in a folder that outlives the
// run.
#pragma once

#include <joist/data/augment/letterbox.h>
#include <joist/data/loader/spill.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace joist {

/// Memory that programs may still take. Unlike what sysconf() calls free it counts the files that the system would
/// forget.
std::int64_t available_bytes();

/// Keeps the first pictures that fit in memory and never drops one. Epochs visit every picture once, so the share found
/// here equals the share that fits; an order of last use would find none. The others go to a SpillFile. Thread-safe,
/// without locks.
class PictureCache {
 public:
  using Load = std::function<ScaledPicture(std::size_t index)>;

  /// `limit` bytes of pixels in memory; negative: as LoaderOptions::cache_bytes says; 0: nothing is kept anywhere.
  /// `spill` bytes in the temporary file; negative: as SpillFile chooses.
  PictureCache(std::size_t count, Load load, std::int64_t limit, std::int64_t spill = -1);
  ~PictureCache();
  PictureCache(const PictureCache&) = delete;
  PictureCache& operator=(const PictureCache&) = delete;

  /// The picture, loaded if it is not here. Valid as long as the pointer and the cache live. Throws what `load` throws.
  std::shared_ptr<const ScaledPicture> get(std::size_t index);

  /// Keeps a picture that was loaded beside another one. Nothing happens where it is here or nothing is kept.
  void offer(std::size_t index, ScaledPicture scaled);
  bool keeps() const noexcept { return limit_ > 0; }

  std::int64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::int64_t spilled_bytes() const noexcept { return spill_.bytes(); }
  std::int64_t loaded() const noexcept { return loaded_.load(std::memory_order_relaxed); }

 private:
  const ScaledPicture* keep(std::size_t index, std::unique_ptr<const ScaledPicture>& loaded);

  Load load_;
  std::int64_t limit_;
  std::vector<std::atomic<const ScaledPicture*>> pictures_;  // owned
  SpillFile spill_;
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> loaded_{0};
};

/// As load_scaled(), through a folder of decoded pictures that other runs use too. A picture is known by the SHA-256 of
/// its file and the size wanted, so a changed file is never taken for the old one. A folder that cannot be written is
/// no error: the picture is decoded.
ScaledPicture load_kept(const std::string& path, int longer_side, const std::string& folder);

}  // namespace joist
