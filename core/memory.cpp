// Best fit with splitting and merging inside large segments, so that a training step asks the system for nothing after
// its second repetition, and blocks of different sizes reuse each other's memory.
#include <joist/core/error.h>
#include <joist/core/memory.h>

#include <array>
#include <mutex>
#include <set>
#include <unordered_map>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

namespace joist {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t small_limit = 1 << 18;                 // blocks up to 256 KiB live in segments of their own,
constexpr std::size_t small_segment = std::size_t{4} << 20;  // so that long-lived small ones do not cut up large memory
constexpr std::size_t large_segment = std::size_t{64} << 20;
constexpr std::size_t page = std::size_t{2} << 20;

std::size_t rounded(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

struct Block {
  char* data;
  std::size_t bytes;
  Block* previous;  // neighbours in the same segment
  Block* next;
  bool small;
  bool free;
};

struct BySize {
  bool operator()(const Block* a, const Block* b) const {
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
  }
};

class HostAllocator final : public Allocator {
 public:
  HostAllocator() {
#ifdef __GLIBC__
    // The tape and the tasks' vectors come from malloc. Their sizes change a little from step to step, and the heap
    // would grow and shrink with them: it grows by 4 MiB at a time instead and keeps up to 64 MiB.
    ::mallopt(M_TOP_PAD, 4 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // else fixed at 128 KiB by the two above
#endif
  }

  void* allocate(std::size_t bytes) override {
    const std::size_t wanted = rounded(std::max<std::size_t>(bytes, 1), alignment);
    if (wanted < bytes) refuse(bytes);
    const std::lock_guard lock(mutex_);
    const bool small = wanted <= small_limit;
    auto& free_blocks = free_[small];
    Block key{nullptr, wanted, nullptr, nullptr, small, true};
    auto found = free_blocks.lower_bound(&key);
    if (found == free_blocks.end()) found = free_blocks.insert(segment(wanted, small)).first;
    Block* block = *found;
    free_blocks.erase(found);
    if (block->bytes - wanted >= (small ? alignment : small_limit)) split(block, wanted);
    block->free = false;
    used_.emplace(block->data, block);
    statistics_.in_use += block->bytes;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    return block->data;
  }

  void release(void* pointer) noexcept override {
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

  MemoryStatistics statistics() const override {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

  void reset_peak() override {
    const std::lock_guard lock(mutex_);
    statistics_.peak = statistics_.in_use;
  }

  void trim() override {
    const std::lock_guard lock(mutex_);
    for (auto& blocks : free_)
      for (auto it = blocks.begin(); it != blocks.end();) {
        Block* block = *it;
        if (block->previous || block->next) {
          ++it;
          continue;
        }
        ::munmap(block->data, block->bytes);
        statistics_.reserved -= block->bytes;
        it = blocks.erase(it);
        delete block;
      }
  }

 private:
  [[noreturn]] void refuse(std::size_t bytes) const {
    throw EnvironmentError({.where = "memory",
                            .what = "the system refused " + std::to_string(bytes >> 20) + " MiB; " +
                                    std::to_string(statistics_.in_use >> 20) + " MiB are in use",
                            .remedy = "a smaller --batch or --size, or fewer other programs"});
  }

  Block* segment(std::size_t wanted, bool small) {
    // Requests above the usual segment get one of their own size, in whole huge pages.
    const std::size_t bytes = small ? small_segment : std::max(large_segment, rounded(wanted, page));
    void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) refuse(wanted);
    if (!small) ::madvise(data, bytes, MADV_HUGEPAGE);
    statistics_.reserved += bytes;
    ++statistics_.system_calls;
    return new Block{static_cast<char*>(data), bytes, nullptr, nullptr, small, true};
  }

  void split(Block* block, std::size_t bytes) {
    Block* rest = new Block{block->data + bytes, block->bytes - bytes, block, block->next, block->small, true};
    if (rest->next) rest->next->previous = rest;
    block->next = rest;
    block->bytes = bytes;
    free_[block->small].insert(rest);
  }

  // Joins a free block with its free right neighbour; neither is left in the free set.
  void merge(Block* block) noexcept {
    Block* right = block->next;
    free_[block->small].erase(right);
    free_[block->small].erase(block);
    block->bytes += right->bytes;
    block->next = right->next;
    if (block->next) block->next->previous = block;
    delete right;
  }

  mutable std::mutex mutex_;
  std::array<std::set<Block*, BySize>, 2> free_;
  std::unordered_map<void*, Block*> used_;
  MemoryStatistics statistics_;
};

// Never destroyed: Arrays with static lifetime may outlive every other static object.
HostAllocator& host() {
  static auto* allocator = new HostAllocator;
  return *allocator;
}

std::array<std::atomic<Allocator*>, Device::kinds>& registry() {
  static auto* allocators = new std::array<std::atomic<Allocator*>, Device::kinds>{};
  return *allocators;
}

}  // namespace

Allocator& allocator(Device device) {
  if (device.on_host()) return host();
  Allocator* found = registry()[static_cast<std::size_t>(device.kind)].load(std::memory_order_acquire);
  if (!found)
    throw EnvironmentError({.where = device.text(),
                            .what = "no backend is loaded for this device",
                            .remedy = "`joist doctor` says why; --device cpu works everywhere"});
  return *found;
}

void register_allocator(Device::Kind kind, Allocator& allocator) {
  registry()[static_cast<std::size_t>(kind)].store(&allocator, std::memory_order_release);
}

Storage::Storage(std::size_t bytes, Device device)
    : data_(nullptr), bytes_(bytes), device_(device), allocator_(&allocator(device)) {
  data_ = allocator_->allocate(bytes);
}

Storage::Storage(void* data, std::size_t bytes, Device device, std::shared_ptr<const void> owner)
    : data_(data), bytes_(bytes), device_(device), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (allocator_) allocator_->release(data_);
}

}  // namespace joist
