// Best fit with splitting and merging inside large segments, so that a training step asks the system for nothing after
// its second repetition, and blocks of different sizes reuse each other's memory. It never looks into the memory, which
// may be a GPU's.
#pragma once

#include <joist/core/memory.h>

#include <array>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

namespace joist {

class SegmentAllocator : public Allocator {
 public:
  struct Sizes {
    std::size_t alignment;
    std::size_t small_limit;    ///< blocks up to this live in segments of their own,
    std::size_t small_segment;  ///< so that long-lived small ones do not cut up large memory
    std::size_t large_segment;
    std::size_t page;  ///< larger segments are whole multiples of it
  };
  explicit SegmentAllocator(const Sizes& sizes) : sizes_(sizes) {}

  void* allocate(std::size_t bytes) override;
  void release(void* pointer) noexcept override;
  MemoryStatistics statistics() const override;
  void reset_peak() override;
  void trim() override;

  /// Who tells what lies in the block that begins at an address ("" where nobody knows); nullptr: nobody.
  using Describe = std::string (*)(const void* block, std::size_t bytes);
  static void describe_blocks_with(Describe describe) noexcept;

 protected:
  /// For refuse(): the largest blocks that are handed out, "256 MiB stem.conv: convolution (16, 64, 160, 160); …".
  std::string largest_in_use() const;
  /// A segment from the system; nullptr when it refuses.
  virtual void* take(std::size_t bytes, bool small) = 0;
  virtual void give_back(void* segment, std::size_t bytes) noexcept = 0;
  /// Throws: the system refused `bytes` while `in_use` are handed out.
  [[noreturn]] virtual void refuse(std::size_t bytes, std::size_t in_use) const = 0;

 private:
  struct Block;
  struct BySize {
    bool operator()(const Block* a, const Block* b) const;
  };
  /// nullptr when the system refuses.
  Block* segment(std::size_t wanted, bool small);
  void split(Block* block, std::size_t bytes);
  void merge(Block* block) noexcept;
  void trim_locked();

  Sizes sizes_;
  mutable std::mutex mutex_{};
  std::array<std::set<Block*, BySize>, 2> free_{};
  std::unordered_map<void*, Block*> used_{};
  MemoryStatistics statistics_{};
};

}  // namespace joist
