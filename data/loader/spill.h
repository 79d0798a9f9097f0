// Decoded pictures beside the memory of the process: in a nameless file of the system's folder for temporary files.
#pragma once

#include <joist/data/augment/letterbox.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// What is written here lies in the system's file cache as long as that has room, and on the disk otherwise, so reading
/// it back costs a copy instead of decoding. The file is gone when the process ends, however it ends. Thread-safe.
class SpillFile {
 public:
  /// At most `limit` bytes; negative: 16 GiB or half of what is free on the disk. The file is made by the first put().
  SpillFile(std::size_t count, std::int64_t limit);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Nothing where it is not here or cannot be read.
  std::optional<ScaledPicture> get(std::size_t index) const;
  /// Nothing happens where it is here already, does not fit, or cannot be written.
  void put(std::size_t index, const ScaledPicture& scaled);
  std::int64_t bytes() const noexcept { return end_.load(std::memory_order_relaxed); }

  /// A folder for temporary files that is not itself in memory; "" where there is none.
  static std::string folder();

 private:
  enum State : char { none, writing, ready };
  struct Place {
    std::atomic<char> state{none};
    std::int64_t offset = 0;
    int width = 0, height = 0, full_width = 0, full_height = 0;
  };
  bool open();

  std::vector<Place> places_;
  std::int64_t limit_;
  std::atomic<int> file_{-1};  // -2: cannot be had
  std::atomic<std::int64_t> end_{0};
};

}  // namespace joist
