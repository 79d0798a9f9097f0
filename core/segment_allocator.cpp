#include <joist/core/segment_allocator.h>

namespace joist {
namespace {

std::size_t rounded(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

struct SegmentAllocator::Block {
  char* data;
  std::size_t bytes;
  Block* previous;  // neighbours in the same segment
  Block* next;
  bool small;
  bool free;
};

bool SegmentAllocator::BySize::operator()(const Block* a, const Block* b) const {
  return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
}

void* SegmentAllocator::allocate(std::size_t bytes) {
  const std::size_t wanted = rounded(std::max<std::size_t>(bytes, 1), sizes_.alignment);
  const std::lock_guard lock(mutex_);
  if (wanted < bytes) refuse(bytes, statistics_.in_use);
  const bool small = wanted <= sizes_.small_limit;
  auto& free_blocks = free_[small];
  Block key{nullptr, wanted, nullptr, nullptr, small, true};
  auto found = free_blocks.lower_bound(&key);
  if (found == free_blocks.end()) found = free_blocks.insert(segment(wanted, small)).first;
  Block* block = *found;
  free_blocks.erase(found);
  if (block->bytes - wanted >= (small ? sizes_.alignment : sizes_.small_limit)) split(block, wanted);
  block->free = false;
  used_.emplace(block->data, block);
  statistics_.in_use += block->bytes;
  statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
  return block->data;
}

void SegmentAllocator::release(void* pointer) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(pointer);
  if (found == used_.end()) return;
  Block* block = found->second;
  used_.erase(found);
  statistics_.in_use -= block->bytes;
  block->free = true;
  if (block->next && block->next->free) merge(block);
  if (block->previous && block->previous->free) merge(block = block->previous);
  free_[block->small].insert(block);
}

MemoryStatistics SegmentAllocator::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void SegmentAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  statistics_.peak = statistics_.in_use;
}

void SegmentAllocator::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void SegmentAllocator::trim_locked() {
  for (auto& blocks : free_)
    for (auto it = blocks.begin(); it != blocks.end();) {
      Block* block = *it;
      if (block->previous || block->next) {
        ++it;
        continue;
      }
      give_back(block->data, block->bytes);
      statistics_.reserved -= block->bytes;
      it = blocks.erase(it);
      delete block;
    }
}

SegmentAllocator::Block* SegmentAllocator::segment(std::size_t wanted, bool small) {
  // Requests above the usual segment get one of their own size, in whole pages.
  const std::size_t bytes = small ? sizes_.small_segment : std::max(sizes_.large_segment, rounded(wanted, sizes_.page));
  void* data = take(bytes, small);
  if (!data) {
    trim_locked();  // what lies idle in segments of other sizes
    data = take(bytes, small);
  }
  if (!data) refuse(wanted, statistics_.in_use);
  statistics_.reserved += bytes;
  ++statistics_.system_calls;
  return new Block{static_cast<char*>(data), bytes, nullptr, nullptr, small, true};
}

void SegmentAllocator::split(Block* block, std::size_t bytes) {
  Block* rest = new Block{block->data + bytes, block->bytes - bytes, block, block->next, block->small, true};
  if (rest->next) rest->next->previous = rest;
  block->next = rest;
  block->bytes = bytes;
  free_[block->small].insert(rest);
}

// Joins a free block with its free right neighbour; neither is left in the free set.
void SegmentAllocator::merge(Block* block) noexcept {
  Block* right = block->next;
  free_[block->small].erase(right);
  free_[block->small].erase(block);
  block->bytes += right->bytes;
  block->next = right->next;
  if (block->next) block->next->previous = block;
  delete right;
}

}  // namespace joist
