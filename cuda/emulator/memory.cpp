#include <joist/core/error.h>
#include <joist/cuda/emulator/memory.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace joist::cuda::emulator {
namespace {

constexpr std::size_t page = 4096, capacity = std::size_t{1} << 30;

void mark(void* from, std::size_t bytes, bool allowed) {
#ifdef __SANITIZE_ADDRESS__
  allowed ? __asan_unpoison_memory_region(from, bytes) : __asan_poison_memory_region(from, bytes);
#else
  static_cast<void>(from), static_cast<void>(bytes), static_cast<void>(allowed);
#endif
}

}  // namespace

struct DeviceMemory::State {
  std::mutex mutex{};
  char* closed = nullptr;  // what arrays see
  char* open = nullptr;    // the bytes
  std::size_t limit = capacity;
  std::size_t used = 0;                              // bytes that were handed out at least once
  std::map<std::size_t, std::vector<char*>> free{};  // by size in bytes
  std::map<void*, std::size_t> sizes{};
  MemoryStatistics statistics{};
};

DeviceMemory::DeviceMemory() : state_(new State) {
  const auto reserve = [](int protection) {
    void* memory = ::mmap(nullptr, capacity, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char*>(memory);
  };
  state_->closed = reserve(PROT_NONE);
  state_->open = reserve(PROT_READ | PROT_WRITE);
}

// Never destroyed: arrays with static lifetime may outlive it.
DeviceMemory& DeviceMemory::instance() {
  static auto* one = new DeviceMemory;
  return *one;
}

char* DeviceMemory::inside(const void* address) {
  const State& state = *instance().state_;
  const auto at = reinterpret_cast<std::uintptr_t>(address), begin = reinterpret_cast<std::uintptr_t>(state.closed);
  if (at < begin || at > begin + capacity) return static_cast<char*>(const_cast<void*>(address));
  return state.open + (at - begin);
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::size_t wanted = (std::max<std::size_t>(bytes, 1) + page - 1) / page * page;
  char* memory = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->statistics.in_use + wanted > state_->limit)
      throw EnvironmentError({.where = "the emulated GPU", .what = "its memory is full"});
    if (auto& list = state_->free[wanted]; !list.empty()) {
      memory = list.back();
      list.pop_back();
    } else {
      if (state_->used + wanted > capacity)
        throw EnvironmentError({.where = "the emulated GPU", .what = "its address space of 1 GiB is used up"});
      memory = state_->closed + state_->used;
      state_->used += wanted;
      state_->statistics.reserved = state_->used;
      ++state_->statistics.system_calls;
    }
    state_->sizes[memory] = wanted;
    state_->statistics.in_use += wanted;
    state_->statistics.peak = std::max(state_->statistics.peak, state_->statistics.in_use);
  }
  char* const bytes_of = inside(memory);
  mark(bytes_of, wanted, true);
  std::memset(bytes_of, 0xFF, wanted);
  mark(bytes_of + bytes, wanted - bytes, false);
  return memory;
}

void DeviceMemory::release(void* pointer) noexcept {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->sizes.find(pointer);
  if (found == state_->sizes.end()) return;
  mark(inside(pointer), found->second, false);
  state_->statistics.in_use -= found->second;
  state_->free[found->second].push_back(static_cast<char*>(pointer));
  state_->sizes.erase(found);
}

bool DeviceMemory::holds(const void* address, std::size_t bytes) const {
  const std::lock_guard lock(state_->mutex);
  auto next = state_->sizes.upper_bound(const_cast<void*>(address));
  if (next == state_->sizes.begin()) return false;
  --next;
  const char *begin = static_cast<const char*>(next->first), *at = static_cast<const char*>(address);
  return at + bytes <= begin + next->second;
}

MemoryStatistics DeviceMemory::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->statistics;
}

std::size_t DeviceMemory::free() const {
  const std::lock_guard lock(state_->mutex);
  return state_->limit - std::min(state_->limit, state_->statistics.in_use);
}

void DeviceMemory::set_capacity(std::size_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->limit = std::min(bytes, capacity);
}

void DeviceMemory::reset_peak() {
  const std::lock_guard lock(state_->mutex);
  state_->statistics.peak = state_->statistics.in_use;
}

}  // namespace joist::cuda::emulator
