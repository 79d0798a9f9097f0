// Rows whose threads keep what they read in registers: four neighbouring elements by one access to memory, a warp or a
// block for a row.
#pragma once

#include <joist/cuda/elements.h>
#include <joist/cuda/pack.h>
#include <joist/cuda/reduce.h>

#include <algorithm>
#include <cstdint>

namespace joist::cuda {

/// Floating elements, four at a time from a multiple of four on. None: undefined.
class Fours {
 public:
  Fours() = default;
  explicit Fours(const Array& array) : memory_(region_of(array)) {
    if (array.defined()) dtype_ = array.dtype();
  }
  JOIST_HOST_DEVICE bool defined() const { return memory_.defined(); }
  JOIST_DEVICE void read(std::int64_t i, float (&x)[4]) const {
    if (dtype_ == Dtype::float32) return read_as<float>(i, x);
    dtype_ == Dtype::bfloat16 ? read_as<BFloat16>(i, x) : read_as<Float16>(i, x);
  }
  /// From place(u) on for every u < takes that is there(u), else zeros; all accesses before the first is needed.
  template <int takes, class Place, class There>
  JOIST_DEVICE void read_all(const Place& place, const There& there, float (&x)[takes][4]) const {
    if (dtype_ == Dtype::float32) return read_all_as<float>(place, there, x);
    dtype_ == Dtype::bfloat16 ? read_all_as<BFloat16>(place, there, x) : read_all_as<Float16>(place, there, x);
  }
  JOIST_DEVICE void write(std::int64_t i, const float (&x)[4]) const {
    if (dtype_ == Dtype::float32) return write_as<float>(i, x);
    dtype_ == Dtype::bfloat16 ? write_as<BFloat16>(i, x) : write_as<Float16>(i, x);
  }

 private:
  template <class T>
  JOIST_DEVICE void read_as(std::int64_t i, float (&x)[4]) const {
    const auto pack = memory_.load_pack<T, 4>(i);
    JOIST_UNROLL for (int k = 0; k < 4; ++k) x[k] = static_cast<float>(pack.at[k]);
  }
  template <class T, int takes, class Place, class There>
  JOIST_DEVICE void read_all_as(const Place& place, const There& there, float (&x)[takes][4]) const {
    Pack<T, 4> packs[takes];
    JOIST_UNROLL for (int u = 0; u < takes; ++u) packs[u] = there(u) ? memory_.load_pack<T, 4>(place(u)) : Pack<T, 4>{};
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      JOIST_UNROLL for (int k = 0; k < 4; ++k) x[u][k] = static_cast<float>(packs[u].at[k]);
    }
  }
  template <class T>
  JOIST_DEVICE void write_as(std::int64_t i, const float (&x)[4]) const {
    Pack<T, 4> pack;
    JOIST_UNROLL for (int k = 0; k < 4; ++k) pack.at[k] = T(x[k]);
    memory_.store_pack<T, 4>(i, pack);
  }
  Region memory_{};
  Dtype dtype_ = Dtype::float32;
};

/// Who computes a row, and how many packs a thread has of it.
template <bool block_wide, int packs>
struct PackShape {
  static constexpr int takes = packs, threads = block_wide ? threads_per_block : 32;
  static constexpr std::int64_t most = std::int64_t{4} * takes * threads;

  static Grid grid(std::int64_t rows) {
    const std::int64_t of_block = threads_per_block / threads;
    return {.blocks = std::min<std::int64_t>((rows + of_block - 1) / of_block, 0x7FFFFFFF),
            .threads = threads_per_block,
            .shared_bytes = fold_bytes<float>};
  }
  template <class F>
  JOIST_DEVICE static float fold_row(Block& block, const Shared<float>& room, float value, const F& f) {
    if constexpr (block_wide) {
      return fold(block, room, value, f);
    } else {
      for (int mask = 16; mask > 0; mask /= 2) value = f(value, block.shuffle_xor(value, mask));
      return value;
    }
  }
  /// work(row's number) for the rows of this thread.
  template <class Work>
  JOIST_DEVICE static void each_row(Block& block, std::int64_t rows, const Work& work) {
    const std::int64_t first = block_wide ? block.index() : block.index() * block.warps() + block.warp();
    for (std::int64_t i = first; i < rows; i += block_wide ? block.count() : block.count() * block.warps()) work(i);
  }
  /// The first element of a thread's pack.
  JOIST_DEVICE static std::int64_t first_of(Block& block, int pack) {
    return 4 * (pack * threads + (block_wide ? block.thread() : block.lane()));
  }
};

/// Whether the array begins where one access to four elements may.
inline bool has_fours(const Array& array) {
  return reinterpret_cast<std::uintptr_t>(array.raw()) % (4 * size_of(array.dtype())) == 0;
}
/// Calls work(a PackShape) and returns true where rows of this length are short enough, and of whole packs.
template <class Work>
bool with_packs(std::int64_t length, const Work& work) {
  using Short = PackShape<false, 2>;
  using Middle = PackShape<false, 4>;
  using Wide = PackShape<true, 1>;
  using Long = PackShape<true, 4>;
  if (length % 4 != 0 || length > Long::most) return false;
  if (length <= Short::most)
    work(Short());
  else if (length <= Middle::most)
    work(Middle());
  else if (length <= Wide::most)
    work(Wide());
  else
    work(Long());
  return true;
}

}  // namespace joist::cuda
