// Products of tiles of bfloat16 numbers (AMX): what half_matrix.cpp and tile_product.cpp are written with. A tile has
// 16 rows of 64 bytes: 16 sums, or 32 numbers along k of a row of a, or 16 pairs along k of b, for 16 columns each.
#pragma once

#include <joist/core/half.h>

#include <algorithm>
#include <array>
#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace joist::tiles {

inline constexpr std::int64_t rows = 16, depth = 32, numbers = rows * depth;
inline constexpr std::int64_t panel_columns = 2 * rows, block_rows = 2 * rows;
inline constexpr std::int64_t near_steps = 16;  // tiles along k, of 32 rows: they stay in the first-level cache

/// How many of `size` hold `count`.
inline constexpr std::int64_t over(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

/// Whether this processor and operating system have them, and joist may use them.
bool exist();

/// Up to 32 rows times one panel of 32 columns, `steps` tiles along k. Strides in numbers.
struct Product {
  const BFloat16* a = nullptr;
  std::int64_t a_row = depth, a_step = 2 * numbers, a_lower = numbers;  // to the next row, tile along k, 16 rows below
  const BFloat16* panel = nullptr;                                      // [k / 32, half, k / 2 in 32, column, k in 2]
  const float* start = nullptr;                                         // what the sums begin with; null: 0
  std::int64_t start_row = 0;                                           // 0: the same row for all
  float* y = nullptr;
  std::int64_t y_row = 0, steps = 0;
};

#ifdef __x86_64__
#define JOIST_TILES __attribute__((target("amx-tile,amx-bf16")))

/// Tiles for products of `height` rows, at most 32, while it lives: 0 … 3 are sums (left and right above, left and
/// right below), 4 and 5 rows of a, 6 and 7 halves of the panel.
class Use {
 public:
  JOIST_TILES explicit Use(std::int64_t height) {
    struct alignas(64) {
      std::uint8_t palette = 1, start = 0;
      std::array<std::uint8_t, 14> reserved{};
      std::array<std::uint16_t, 16> bytes{64, 64, 64, 64, 64, 64, 64, 64};
      std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
    } shapes;
    const auto upper = static_cast<std::uint8_t>(std::min(height, tiles::rows));
    const auto lower = static_cast<std::uint8_t>(std::max<std::int64_t>(height - tiles::rows, 1));
    for (const std::size_t tile : {0, 1, 4}) shapes.rows[tile] = upper;
    for (const std::size_t tile : {2, 3, 5}) shapes.rows[tile] = lower;
    asm volatile("" : "+m"(shapes));
    _tile_loadconfig(&shapes);
  }
  JOIST_TILES ~Use() { _tile_release(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
};

template <bool lower>
JOIST_TILES inline void multiply(const Product& t) {
  const std::int64_t y_bytes = 4 * t.y_row, a_bytes = 2 * t.a_row, start_bytes = 4 * t.start_row;
  asm volatile("" ::: "memory");  // what was written before is read by instructions that do not say so
  if (t.start) {
    const float* const below = t.start + rows * t.start_row;
    _tile_loadd(0, t.start, start_bytes);
    _tile_loadd(1, t.start + rows, start_bytes);
    if constexpr (lower) {
      _tile_loadd(2, below, start_bytes);
      _tile_loadd(3, below + rows, start_bytes);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (lower) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  const BFloat16 *a = t.a, *b = t.panel;
  for (std::int64_t k = 0; k < t.steps; ++k, a += t.a_step, b += 2 * numbers) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + numbers, 64);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (lower) {
      _tile_loadd(5, a + t.a_lower, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  float* const below = t.y + rows * t.y_row;
  _tile_stored(0, t.y, y_bytes);
  _tile_stored(1, t.y + rows, y_bytes);
  if constexpr (lower) {
    _tile_stored(2, below, y_bytes);
    _tile_stored(3, below + rows, y_bytes);
  }
}

/// The product of `height` rows and `columns` columns, in a Use of that height.
inline void multiply(const Product& t, std::int64_t height, std::int64_t columns) {
  if (columns >= panel_columns) return height > rows ? multiply<true>(t) : multiply<false>(t);
  // By way of memory that has all columns.
  alignas(64) std::array<float, static_cast<std::size_t>(block_rows * panel_columns)> sums{};
  Product whole = t;
  whole.y = sums.data();
  whole.y_row = panel_columns;
  if (t.start) {
    for (std::int64_t i = 0; i < height; ++i)
      std::copy_n(t.start + i * t.start_row, columns, sums.data() + i * panel_columns);
    whole.start = sums.data();
    whole.start_row = panel_columns;
  }
  height > rows ? multiply<true>(whole) : multiply<false>(whole);
  for (std::int64_t i = 0; i < height; ++i) std::copy_n(sums.data() + i * panel_columns, columns, t.y + i * t.y_row);
}
#undef JOIST_TILES
#else
struct Use {
  explicit Use(std::int64_t) {}
};
inline void multiply(const Product&, std::int64_t, std::int64_t) {}
#endif

/// A part of a matrix, at most 16 lines (rows of a, columns of b) by 32 along k, as a tile with zeros around.
template <class T>
struct Source {
  const T* first = nullptr;
  std::int64_t line = 0, k = 0;  // strides in numbers
  std::int64_t lines = 0, ks = 0;
};
/// Rows of a: [line, k]. Of float32 numbers three tiles with one between each (split_tiles.h); false: one of the
/// numbers is infinite, NaN or so large that it would be rounded to infinity.
bool pack_rows(const Source<BFloat16>& source, BFloat16* tile);
bool pack_rows(const Source<float>& source, BFloat16* tile);
/// Columns of b: [k / 2, line, k in 2].
bool pack_columns(const Source<BFloat16>& source, BFloat16* tile);
bool pack_columns(const Source<float>& source, BFloat16* tile);

}  // namespace joist::tiles
