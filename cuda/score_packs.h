// Rows of scores whose threads keep what they read in registers: four neighbouring keys by one access to memory, a warp
// or a block for a row. Keys that the causal rule or the window hides are not read.
#pragma once

#include <joist/cuda/reduce.h>
#include <joist/cuda/score_rows.h>

#include <algorithm>
#include <initializer_list>

namespace joist::cuda {

/// Rows of scores, four at a time, which begin at multiples of four.
class FourScores {
 public:
  explicit FourScores(const Array& array) : memory_(region_of(array)), dtype_(array.dtype()) {}
  JOIST_DEVICE void read(std::int64_t i, float (&x)[4]) const {
    if (dtype_ == Dtype::float32) return read_as<float>(i, x);
    dtype_ == Dtype::bfloat16 ? read_as<BFloat16>(i, x) : read_as<Float16>(i, x);
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
  template <class T>
  JOIST_DEVICE void write_as(std::int64_t i, const float (&x)[4]) const {
    Pack<T, 4> pack;
    JOIST_UNROLL for (int k = 0; k < 4; ++k) pack.at[k] = T(x[k]);
    memory_.store_pack<T, 4>(i, pack);
  }
  Region memory_;
  Dtype dtype_;
};

/// Who computes a row, and how many packs a thread has of it.
template <bool block_wide, int packs>
struct PackShape {
  static constexpr int takes = packs, threads = block_wide ? threads_per_block : 32;
  static constexpr std::int64_t most_keys = std::int64_t{4} * takes * threads;

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
  /// The first key of a thread's pack.
  JOIST_DEVICE static std::int64_t key_of(Block& block, int pack) {
    return 4 * (pack * threads + (block_wide ? block.thread() : block.lane()));
  }
};

/// Calls work(a PackShape) and returns true where the rows and the arrays of scores fit.
template <class Work>
bool with_packs(const MaskedRows& rows, std::initializer_list<const Array*> arrays, const Work& work) {
  using Short = PackShape<false, 2>;
  using Middle = PackShape<false, 4>;
  using Wide = PackShape<true, 1>;
  using Long = PackShape<true, 4>;
  for (const Array* array : arrays)
    if (reinterpret_cast<std::uintptr_t>(array->raw()) % (4 * size_of(array->dtype())) != 0) return false;
  if (rows.keys % 4 != 0 || rows.keys > Long::most_keys) return false;
  if (rows.keys <= Short::most_keys)
    work(Short());
  else if (rows.keys <= Middle::most_keys)
    work(Middle());
  else if (rows.keys <= Wide::most_keys)
    work(Wide());
  else
    work(Long());
  return true;
}

template <class Packs>
struct PackedSoftmax {
  MaskedRows rows;
  FourScores scores, weights;
  Floats log_sum;
  RowPlaces place;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    Packs::each_row(block, rows.count(), [&](std::int64_t i) {
      const MaskedRows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      float x[Packs::takes][4];
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) x[u][k] = unseen_score;
        if (j < rows.keys && !rows.hides(row, j, j + 3)) scores.read(base + j, x[u]);
      }
      float top = unseen_score;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          x[u][k] = rows.score(row, j + k, x[u][k]);
          top = Larger{}(top, x[u][k]);
        }
      }
      top = Packs::fold_row(block, room, top, Larger{});
      if (top == unseen_score) top = 0;  // sees nothing
      float own = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        JOIST_UNROLL for (int k = 0; k < 4; ++k) own += x[u][k] = std::exp(x[u][k] - top);
      }
      const float total = Packs::fold_row(block, room, own, Plus{});
      if (Packs::key_of(block, 0) == 0) log_sum.set(place(row), top + std::log(total));
      const float factor = total == 0 ? 0.0F : rows.kept_factor() / total;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        if (j >= rows.keys) continue;
        const std::uint32_t kept = rows.kept_of_four(row, j / 4);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) x[u][k] = kept >> k & 1U ? x[u][k] * factor : 0.0F;
        weights.write(base + j, x[u]);
      }
    });
  }
};

template <class Packs>
struct PackedSoftmaxBackward {
  MaskedRows rows;
  FourScores scores, dweights;
  Floats log_sum;
  FourScores weights, slopes;
  RowPlaces place;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    Packs::each_row(block, rows.count(), [&](std::int64_t i) {
      const MaskedRows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      const float log_total = log_sum[place(row)], factor = rows.kept_factor();
      float w[Packs::takes][4], d[Packs::takes][4];
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) w[u][k] = d[u][k] = 0;
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        scores.read(base + j, w[u]);
        dweights.read(base + j, d[u]);
      }
      float own = 0;
      std::uint32_t all_kept = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        const std::uint32_t kept = rows.kept_of_four(row, j / 4);
        all_kept |= kept << (4 * u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          const float score = rows.score(row, j + k, w[u][k]);
          w[u][k] = score == unseen_score ? 0.0F : std::exp(score - log_total);
          d[u][k] = kept >> k & 1U ? d[u][k] * factor : 0.0F;
          if (w[u][k] != 0) own += w[u][k] * d[u][k];
        }
      }
      const float mean = Packs::fold_row(block, room, own, Plus{});
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::key_of(block, u);
        if (j >= rows.keys) continue;
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          d[u][k] = w[u][k] == 0 ? 0.0F : rows.scale * (w[u][k] * (d[u][k] - mean));
          w[u][k] = all_kept >> (4 * u + k) & 1U ? w[u][k] * factor : 0.0F;
        }
        weights.write(base + j, w[u]);
        slopes.write(base + j, d[u]);
      }
    });
  }
};

}  // namespace joist::cuda
