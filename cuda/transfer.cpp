// By way of two pinned buffers in turn: the GPU copies one while the host fills or empties the other.
#include <joist/core/error.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace joist::cuda {
namespace {

constexpr std::size_t slot_bytes = std::size_t{4} << 20;

struct Slot {
  char* data = nullptr;
  driver::Event copied{};  // when the GPU is done with the data
};

class Slots {
 public:
  static Slots& instance() {
    static auto* one = new Slots;
    return *one;
  }
  std::mutex mutex{};
  /// The slots in turn, free or not.
  Slot& operator[](std::size_t turn) { return slots_[turn % slots_.size()]; }

 private:
  Slots() {
    for (Slot& slot : slots_) {
      slot.data = static_cast<char*>(driver::allocate_pinned(slot_bytes));
      if (!slot.data)
        throw EnvironmentError({.where = "memory for transfers to the GPU",
                                .what = "the system refused 4 MiB that may not be moved",
                                .remedy = "a larger `ulimit -l`, or fewer other programs"});
      slot.copied = driver::make_event();
    }
  }
  std::array<Slot, 2> slots_{};
};

}  // namespace

void copy_to_device(void* to, const void* from, std::size_t bytes) {
  require_no_capture("a copy to the GPU");
  Slots& slots = Slots::instance();
  const std::lock_guard lock(slots.mutex);
  void* const stream = current_stream();
  for (std::size_t done = 0, turn = 0; done < bytes; done += slot_bytes, ++turn) {
    Slot& slot = slots[turn];
    const std::size_t part = std::min(slot_bytes, bytes - done);
    driver::finish(slot.copied);  // of the last time
    std::memcpy(slot.data, static_cast<const char*>(from) + done, part);
    driver::copy_to_device(static_cast<char*>(to) + done, slot.data, part, stream);
    driver::record(slot.copied, stream);
  }
}

void copy_to_host(void* to, const void* from, std::size_t bytes) {
  require_no_capture("a copy to the host");
  Slots& slots = Slots::instance();
  const std::lock_guard lock(slots.mutex);
  void* const stream = current_stream();
  const std::size_t parts = (bytes + slot_bytes - 1) / slot_bytes;
  const auto size = [&](std::size_t part) { return std::min(slot_bytes, bytes - part * slot_bytes); };
  const auto begin = [&](std::size_t part) {
    driver::copy_to_host(slots[part].data, static_cast<const char*>(from) + part * slot_bytes, size(part), stream);
    driver::record(slots[part].copied, stream);
  };
  for (std::size_t part = 0; part < parts; ++part) {
    if (part == 0) begin(0);
    if (part + 1 < parts) begin(part + 1);
    driver::finish(slots[part].copied);
    std::memcpy(static_cast<char*>(to) + part * slot_bytes, slots[part].data, size(part));
  }
}

}  // namespace joist::cuda
