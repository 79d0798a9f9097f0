#include <joist/core/error.h>
#include <joist/core/segment_allocator.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>

namespace joist::cuda {
namespace {

// A block that was given back is given out again at once: everything that uses it, before and after, stands in one
// stream.
class Memory final : public SegmentAllocator {
 public:
  Memory() : SegmentAllocator(gpu_segments) {}

 private:
  void* take(std::size_t bytes, bool) override { return driver::allocate(bytes); }
  void give_back(void* segment, std::size_t) noexcept override { driver::release(segment); }
  [[noreturn]] void refuse(std::size_t bytes, std::size_t in_use) const override {
    throw EnvironmentError({.where = "the GPU's memory",
                            .what = "no room for " + std::to_string(bytes >> (bytes >> 20 ? 20 : 10)) +
                                    (bytes >> 20 ? " MiB; " : " KiB; ") + std::to_string(in_use >> 20) +
                                    " MiB are in use, the largest parts: " + largest_in_use(),
                            .remedy = "a smaller --batch or --size, or fewer other programs on this GPU"});
  }
};

}  // namespace

void* current_stream() {
  require_no_renewal();
  driver::enter_thread();
  static driver::Stream stream = driver::make_stream();
  return stream;
}

// Never destroyed: arrays with static lifetime may outlive it.
Allocator& memory() {
  static auto* one = new Memory;
  return *one;
}

std::size_t free_bytes() {
  const MemoryStatistics kept = memory().statistics();
  return driver::free_memory() + (kept.reserved - kept.in_use);
}

}  // namespace joist::cuda
