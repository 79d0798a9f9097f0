#include <joist/core/error.h>
#include <joist/core/memory.h>
#include <joist/core/registry.h>
#include <joist/core/segment_allocator.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

namespace joist {
namespace {

class HostAllocator final : public SegmentAllocator {
 public:
  HostAllocator()
      : SegmentAllocator({.alignment = 64,
                          .small_limit = std::size_t{256} << 10,
                          .small_segment = std::size_t{4} << 20,
                          .large_segment = std::size_t{64} << 20,
                          .page = std::size_t{2} << 20}) {
#ifdef __GLIBC__
    // The tape and the tasks' vectors come from malloc. Their sizes change a little from step to step, and the heap
    // would grow and shrink with them: it grows by 4 MiB at a time instead and keeps up to 64 MiB.
    ::mallopt(M_TOP_PAD, 4 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // else fixed at 128 KiB by the two above
#endif
  }

 private:
  void* take(std::size_t bytes, bool small) override {
    void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    if (!small) ::madvise(data, bytes, MADV_HUGEPAGE);
    return data;
  }
  void give_back(void* segment, std::size_t bytes) noexcept override { ::munmap(segment, bytes); }
  [[noreturn]] void refuse(std::size_t bytes, std::size_t in_use) const override {
    throw EnvironmentError({.where = "memory",
                            .what = "the system refused " + std::to_string(bytes >> 20) + " MiB; " +
                                    std::to_string(in_use >> 20) + " MiB are in use",
                            .remedy = "a smaller --batch or --size, or fewer other programs"});
  }
};

// Never destroyed: Arrays with static lifetime may outlive every other static object.
HostAllocator& host() {
  static auto* allocator = new HostAllocator;
  return *allocator;
}

constinit Registry<Allocator*> registry;

}  // namespace

Allocator& allocator(Device device) {
  if (device.on_host()) return host();
  if (device.index != 0)
    throw UnsupportedError({.where = device.text(),
                            .what = "unsupported: another GPU than the first one that this process sees",
                            .expected = "cuda:0",
                            .remedy = "CUDA_VISIBLE_DEVICES=" + std::to_string(device.index) + " makes it the first"});
  return *registry.get(device);
}

void register_allocator(Device::Kind kind, Allocator& allocator) { registry.set(kind, &allocator); }

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
