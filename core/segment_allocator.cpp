#include <joist/core/segment_allocator.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace joist {
namespace {

std::size_t rounded(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

std::atomic<SegmentAllocator::Describe> describe_block{nullptr};

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
  Block key{nullptr, wanted, nullptr, nullptr, small, true};
  auto found = free_[small].lower_bound(&key);
  if (found == free_[small].end()) {
    if (Block* fresh = segment(wanted, small)) {
      found = free_[small].insert(fresh).first;
    } else {  // what lies idle in segments of the other kind
      found = free_[!small].lower_bound(&key);
      if (found == free_[!small].end()) refuse(wanted, statistics_.in_use);
    }
  }
  Block* block = *found;
  free_[block->small].erase(found);
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

void SegmentAllocator::describe_blocks_with(Describe describe) noexcept { describe_block = describe; }

std::string SegmentAllocator::largest_in_use() const {
  constexpr std::size_t most = 5;
  std::vector<const Block*> blocks;
  for (const auto& [data, block] : used_) blocks.push_back(block);
  const std::size_t shown = std::min(most, blocks.size());
  std::partial_sort(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(shown), blocks.end(),
                    [](const Block* a, const Block* b) { return BySize()(b, a); });
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const Describe describe = describe_block;
    const std::string what = describe ? describe(blocks[i]->data, blocks[i]->bytes) : "";
    const bool large = blocks[i]->bytes >> 20 > 0;
    text += (i == 0 ? "" : "; ") + std::to_string(blocks[i]->bytes >> (large ? 20 : 10)) + (large ? " MiB " : " KiB ") +
            (what.empty() ? "without a name" : what);
  }
  return text;
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
  const std::size_t least = rounded(wanted, sizes_.page);
  std::size_t bytes = small ? sizes_.small_segment : std::max(sizes_.large_segment, least);
  void* data = take(bytes, small);
  if (!data) {
    trim_locked();  // what lies idle in segments of other sizes
    data = take(bytes, small);
  }
  if (!data && least < bytes) data = take(bytes = least, small);  // the last that there is
  if (!data) return nullptr;
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
