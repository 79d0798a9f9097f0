// Remembers of every address who wrote and who read it last, and finds two accesses that nothing puts in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joist::cuda::emulator {

/// When an access happens: the barriers of the block, and those of the warp since, that its thread has passed.
struct Moment {
  std::int32_t block = -1, thread = -1;
  std::uint32_t block_epoch = 0, warp_epoch = 0;
};

enum class Access : std::uint8_t { read, write, atomic };

class Shadow {
 public:
  /// Forgets everything: what a launch did is done before the next one begins.
  void clear();
  /// The conflict with an earlier access, in words; empty when there is none.
  std::string note(const void* address, Access access, const Moment& now);
  /// Whether the address was written since clear().
  bool written(const void* address);

 private:
  struct Cell {
    std::uintptr_t address = 0;
    std::uint32_t generation = 0;
    bool writer_atomic = false, several_readers = false;
    Moment writer{}, reader{};
  };
  Cell* find(const void* address);
  void grow();

  std::vector<Cell> cells_ = std::vector<Cell>(1 << 12);
  std::size_t used_ = 0;
  std::uint32_t generation_ = 1;
};

}  // namespace joist::cuda::emulator
