#include <joist/core/memory.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
// Stacks of fibers are no stacks to these two.
extern "C" const char* __asan_default_options() { return "detect_leaks=0:detect_stack_use_after_return=0"; }
#endif

namespace joist::cuda {

void* current_stream() { return nullptr; }
void copy_to_host(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
void copy_to_device(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

namespace emulator {
namespace {

// A block of the system's per array, so that AddressSanitizer sees its ends, filled with NaN.
class PoisonedAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes) override {
    const std::size_t wanted = (bytes + 64) / 64 * 64;
    void* memory = std::aligned_alloc(64, wanted);
    if (!memory) throw std::bad_alloc();
    std::memset(memory, 0xFF, wanted);
    return memory;
  }
  void release(void* pointer) noexcept override { std::free(pointer); }
  MemoryStatistics statistics() const override { return {}; }
  void reset_peak() override {}
  void trim() override {}
};

}  // namespace

Device use_emulated_gpu() {
  static PoisonedAllocator allocator;
  register_allocator(Device::Kind::cuda, allocator);
  register_kernels(Device::Kind::cuda, cuda_kernels());
  return {Device::Kind::cuda, 0};
}

}  // namespace emulator
}  // namespace joist::cuda
