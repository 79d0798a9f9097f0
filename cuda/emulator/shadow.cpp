#include <joist/cuda/emulator/shadow.h>

namespace joist::cuda::emulator {
namespace {

constexpr std::size_t most_cells = std::size_t{1} << 20;  // beyond, new addresses of a launch are not watched
constexpr std::int32_t warp = 32;

// Whether what happened at `before` is surely over at `now`.
bool ordered(const Moment& before, const Moment& now) {
  if (before.block != now.block) return false;
  if (before.thread == now.thread || before.block_epoch < now.block_epoch) return true;
  return before.thread / warp == now.thread / warp && before.warp_epoch < now.warp_epoch;
}

std::string text(const Moment& moment) {
  return "thread " + std::to_string(moment.thread) + " of block " + std::to_string(moment.block);
}

}  // namespace

void Shadow::clear() {
  ++generation_;
  used_ = 0;
}

void Shadow::grow() {
  std::vector<Cell> old(cells_.size() * 2);
  old.swap(cells_);
  used_ = 0;
  for (const Cell& cell : old)
    if (cell.generation == generation_) *find(reinterpret_cast<const void*>(cell.address)) = cell;
}

Shadow::Cell* Shadow::find(const void* address) {
  const auto key = reinterpret_cast<std::uintptr_t>(address);
  const std::size_t mask = cells_.size() - 1;
  for (std::size_t i = (key * 0x9E3779B97F4A7C15ULL) >> 20 & mask;; i = (i + 1) & mask) {
    Cell& cell = cells_[i];
    if (cell.generation == generation_ && cell.address == key) return &cell;
    if (cell.generation == generation_) continue;
    if (used_ >= most_cells) return nullptr;
    if (2 * used_ >= cells_.size()) {
      grow();
      return find(address);
    }
    ++used_;
    cell = Cell{};
    cell.address = key;
    cell.generation = generation_;
    return &cell;
  }
}

bool Shadow::written(const void* address) {
  const Cell* cell = find(address);
  return !cell || cell->writer.thread >= 0;
}

std::string Shadow::note(const void* address, Access access, const Moment& now) {
  Cell* cell = find(address);
  if (!cell) return {};
  std::string conflict;
  const bool both_atomic = access == Access::atomic && cell->writer_atomic;
  if (cell->writer.thread >= 0 && !both_atomic && !ordered(cell->writer, now))
    conflict = text(now) + (access == Access::read ? " reads" : " writes") + " what " + text(cell->writer) +
               " wrote, with no barrier between";
  if (access == Access::read) {
    const bool other = cell->reader.thread >= 0 && !ordered(cell->reader, now);
    cell->several_readers = other || (cell->several_readers && cell->reader.block_epoch == now.block_epoch);
    cell->reader = now;
    return conflict;
  }
  if (conflict.empty() && cell->reader.thread >= 0 &&
      (!ordered(cell->reader, now) ||
       (cell->several_readers && (cell->reader.block != now.block || cell->reader.block_epoch >= now.block_epoch))))
    conflict = text(now) + " writes what " + text(cell->reader) + " read, with no barrier between";
  cell->reader = Moment{};  // whoever is in order with this write is in order with what was read before it
  cell->several_readers = false;
  cell->writer = now;
  cell->writer_atomic = access == Access::atomic;
  return conflict;
}

}  // namespace joist::cuda::emulator
