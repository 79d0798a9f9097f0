// Goto and van de Geijn's order ("Anatomy of high-performance matrix multiplication", 2008): a block of b that stays in
// the second-level cache is packed once for all rows of a; blocks of 32 rows of a are packed one after the other.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of g++ 12's own vector functions (GCC bug 105593)
#include <joist/core/cpu/half_product.h>
#include <joist/core/cpu/half_tiles.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>

namespace joist {
namespace tiles {

#ifdef __x86_64__
namespace {

#define JOIST_REGISTERS __attribute__((target("avx512f,avx512bw,avx512vl")))
using Tile = __m512i[16];

// Rows of 16 words become columns.
JOIST_REGISTERS inline void transpose(Tile& r) {
  Tile t;
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xDD), d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xDD);
    t[j] = _mm512_shuffle_i32x4(a, b, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(c, d, 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(a, b, 0xDD);
    t[12 + j] = _mm512_shuffle_i32x4(c, d, 0xDD);
  }
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}

// [line, k], from a matrix whose neighbours lie along k.
JOIST_REGISTERS inline void load_along_k(const Source& s, Tile& r) {
  const auto mask = static_cast<__mmask32>(s.ks >= depth ? 0xFFFFFFFFU : (1U << s.ks) - 1U);
  for (std::int64_t i = 0; i < rows; ++i)
    r[i] = i < s.lines ? _mm512_maskz_loadu_epi16(mask, s.first + i * s.line) : _mm512_setzero_si512();
}

// [k / 2, line, k in 2], from a matrix whose neighbours lie along the lines.
JOIST_REGISTERS inline void load_along_lines(const Source& s, Tile& r) {
  const auto mask = static_cast<__mmask16>((1U << s.lines) - 1U);
  const auto row = [&](std::int64_t k) __attribute__((target("avx512f,avx512bw,avx512vl"))) {
    return _mm512_cvtepu16_epi32(k < s.ks ? _mm256_maskz_loadu_epi16(mask, s.first + k * s.k) : _mm256_setzero_si256());
  };
  for (std::int64_t i = 0; i < rows; ++i) r[i] = _mm512_or_si512(row(2 * i), _mm512_slli_epi32(row(2 * i + 1), 16));
}

JOIST_REGISTERS inline void store(const Tile& r, BFloat16* tile) {
  for (std::int64_t i = 0; i < rows; ++i) _mm512_storeu_si512(tile + i * depth, r[i]);
}

}  // namespace

bool exist() {
  static const bool all = onednn::has_bfloat16_tiles() && PackedMatrix::panel_columns() == panel_columns;
  return all;
}

JOIST_REGISTERS void pack_rows(const Source& source, BFloat16* tile) {
  Tile r;
  if (source.k == 1) {
    load_along_k(source, r);
  } else {
    load_along_lines(source, r);
    transpose(r);
  }
  store(r, tile);
}

JOIST_REGISTERS void pack_columns(const Source& source, BFloat16* tile) {
  Tile r;
  if (source.line == 1) {
    load_along_lines(source, r);
  } else {
    load_along_k(source, r);
    transpose(r);
  }
  store(r, tile);
}
#undef JOIST_REGISTERS
#else
bool exist() { return false; }
void pack_rows(const Source&, BFloat16*) {}
void pack_columns(const Source&, BFloat16*) {}
#endif

}  // namespace tiles

namespace {

constexpr std::int64_t most_steps = 64;                          // tiles along k of one block
constexpr std::int64_t block_bytes = 3 * std::int64_t{1 << 19};  // of packed b: the larger part of a second-level cache

std::int64_t over(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

// A matrix with its lines (rows of a, columns of b) and k.
struct Operand {
  const BFloat16* first;
  std::int64_t line, k, lines, depth;
  // The tile of line `at` and step `step`.
  tiles::Source source(std::int64_t at, std::int64_t step) const {
    const std::int64_t from = step * tiles::depth;
    return {first + at * line + from * k, line, k, std::clamp<std::int64_t>(lines - at, 0, tiles::rows),
            std::clamp<std::int64_t>(depth - from, 0, tiles::depth)};
  }
};

struct Block {
  std::int64_t step, steps, panel, panels;
};

class TileProduct {
 public:
  TileProduct(const Array& a, const Array& b, const Array& bias, const Out& y)
      : a_{a.data<BFloat16>(), a.strides()[0], a.strides()[1], a.shape(0), a.shape(1)},
        b_{b.data<BFloat16>(), b.strides()[1], b.strides()[0], b.shape(1), b.shape(0)},
        bias_(bias.defined() ? bias.data<float>() : nullptr),
        y_(y.array.data<float>()),
        y_row_(y.array.strides()[0]),
        accumulate_(y.accumulate) {
    const std::int64_t steps = over(a_.depth, tiles::depth), panels = over(b_.lines, tiles::panel_columns);
    const std::int64_t deep = over(steps, over(steps, most_steps));
    const std::int64_t most = std::max<std::int64_t>(1, block_bytes / (deep * 4 * tiles::numbers));
    const std::int64_t wide = over(panels, over(panels, most));
    const Array packed = Array::empty({wide * deep * 2 * tiles::numbers}, Dtype::bfloat16);
    for (std::int64_t step = 0; step < steps; step += deep)
      for (std::int64_t panel = 0; panel < panels; panel += wide)
        add({step, std::min(deep, steps - step), panel, std::min(wide, panels - panel)}, packed.data<BFloat16>());
  }

 private:
  void add(const Block& block, BFloat16* packed) const {
    parallel_for(2 * block.panels, 1 + 256 / block.steps, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t half = begin; half < end; ++half) {
        const std::int64_t column = block.panel * tiles::panel_columns + half * tiles::rows;
        for (std::int64_t step = 0; step < block.steps; ++step)
          tiles::pack_columns(b_.source(column, block.step + step),
                              packed + ((half / 2 * block.steps + step) * 2 + half % 2) * tiles::numbers);
      }
    });
    const std::int64_t work = block.steps * block.panels;
    parallel_for(over(a_.lines, tiles::block_rows), 1 + 512 / work, [&](std::int64_t begin, std::int64_t end) {
      const Array memory = Array::empty({block.steps * 2 * tiles::numbers}, Dtype::bfloat16);
      BFloat16* const rows = memory.data<BFloat16>();
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t top = i * tiles::block_rows, height = std::min(tiles::block_rows, a_.lines - top);
        for (std::int64_t tile = 0; tile < 2 * block.steps; ++tile)
          if (tile % 2 * tiles::rows < height)
            tiles::pack_rows(a_.source(top + tile % 2 * tiles::rows, block.step + tile / 2),
                             rows + tile * tiles::numbers);
        add_rows(block, rows, packed, top, height);
      }
    });
  }

  void add_rows(const Block& block, const BFloat16* rows, const BFloat16* packed, std::int64_t top,
                std::int64_t height) const {
    const tiles::Use use(height);
    for (std::int64_t step = 0; step < block.steps; step += tiles::near_steps)
      for (std::int64_t panel = 0; panel < block.panels; ++panel) {
        const std::int64_t column = (block.panel + panel) * tiles::panel_columns;
        tiles::Product one;
        one.a = rows + step * 2 * tiles::numbers;
        one.panel = packed + (panel * block.steps + step) * 2 * tiles::numbers;
        one.y = y_ + top * y_row_ + column;
        one.y_row = y_row_;
        one.steps = std::min(tiles::near_steps, block.steps - step);
        if (block.step + step > 0 || accumulate_) {
          one.start = one.y;
          one.start_row = y_row_;
        } else if (bias_) {
          one.start = bias_ + column;
        }
        tiles::multiply(one, height, b_.lines - column);
      }
  }

  Operand a_, b_;
  const float* bias_;
  float* y_;
  std::int64_t y_row_;
  bool accumulate_;
};

}  // namespace

bool has_tile_product() { return tiles::exist(); }

bool tile_product(const Array& a, const Array& b, const Array& bias, const Out& y, std::int64_t least_rows) {
  if (a.dtype() != Dtype::bfloat16 || y.array.dtype() != Dtype::float32 || !tiles::exist()) return false;
  if (a.rank() != 2 || b.rank() != 2 || a.shape(0) < least_rows || a.shape(1) < tiles::rows) return false;
  if (bias.defined() && (bias.dtype() != Dtype::float32 || y.accumulate)) return false;
  TileProduct(a, b, bias, y);
  return true;
}

}  // namespace joist
