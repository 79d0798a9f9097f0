// Products of float32 numbers by tiles of bfloat16 numbers (AMX), as exact as float32's own. A number is the sum of
// three bfloat16 numbers of 8 bits each, and of the nine products of two such sums six are added up, all in float32;
// the three left out lie under 2^-24 of the product. Small products are summed first, in short sums: the error is then
// that of float32 sums or less (tests/core/cpu/split_product_test.cpp). What lies under 2^-126, the parts' parts of
// numbers under about 1e-33 too, counts as 0. NVIDIA's cuBLAS calls the same "emulation of float32 by BF16x9"; with six
// of nine see Henry, Tang, Heinecke: "Leveraging the bfloat16 artificial intelligence datatype for higher-precision
// computations" (ARITH 2019).
#pragma once

#include <joist/core/cpu/half_tiles.h>

namespace joist::tiles {

inline constexpr std::int64_t parts = 3,
                              pair = 2 * numbers;         // numbers of two tiles side by side or one below the other
inline constexpr std::int64_t split_step = parts * pair;  // and of all parts of them: a step along k
inline constexpr std::int64_t near_split_steps = 8;       // such that a and b stay in the first-level cache

/// Where the steps of packed rows lie: [step, part, half, row, k in 32].
inline constexpr std::array<std::int64_t, near_split_steps> packed_steps = [] {
  std::array<std::int64_t, near_split_steps> places{};
  for (std::int64_t i = 0; i < near_split_steps; ++i) places[static_cast<std::size_t>(i)] = i * split_step;
  return places;
}();

/// 32 rows of a times one panel of 32 columns; of what lies below 16 rows, or right of 16 columns, only where it is
/// wanted. Distances in numbers.
struct SplitProduct {
  const BFloat16* rows = nullptr;
  const std::int64_t* places = packed_steps.data();             // of each step
  std::int64_t row = depth, lower_rows = numbers, part = pair;  // to the next row, 16 rows below, to the next part
  const BFloat16* panel = nullptr;                              // [step, part, half, k / 2 in 32, column, k in 2]
  std::int64_t steps = 0;
  bool lower = true, right = true;
};

/// Where a product goes: y = start + product, or y += start + product.
struct SumsTarget {
  float* y = nullptr;
  float* const* y_rows = nullptr;                   // instead of y: each row's place; null: none
  std::int64_t y_column = 0;                        // and the first column in it
  std::int64_t y_row = 0, height = 0, columns = 0;  // at most 32 of each
  const float* start = nullptr;                     // null: 0
  std::int64_t start_row = 0;                       // 0: the same row for all
  bool accumulate = false;
};

/// Products of one thread, one after the other. Each is written while the next is computed, for which the vector units
/// have time; the last by finish().
class SplitProducts {
 public:
  void add(const SplitProduct& product, const SumsTarget& to);
  void finish();

 private:
  const Use use_{block_rows};
  alignas(64) float sums_[2][block_rows * panel_columns];
  SumsTarget waiting_{};
  int now_ = 0;
};

/// The three parts of `count` numbers, `apart` numbers from one to the next. False: a number is infinite, NaN or nearly
/// too large.
bool split_row(const float* x, std::int64_t count, BFloat16* to, std::int64_t apart);

}  // namespace joist::tiles
