// Products of short float32 matrices with one that is split into tiles once (split_tiles.h), in the calling thread:
// what Winograd's convolutions multiply with where the processor has AMX.
#pragma once

#include <joist/core/cpu/split_tiles.h>

namespace joist::tiles {

/// Numbers of a split matrix of [length, columns].
std::int64_t split_numbers(std::int64_t length, std::int64_t columns);

/// Splits panels [panel, length, 32]; what lies beyond the last column is read, too.
void split_panels(const float* panels, std::int64_t length, std::int64_t columns, BFloat16* to);

/// y [rows, columns] (+)= a [rows, depth] · b with b split. Distances in numbers: from row to row, and along depth.
struct SplitMatrixProduct {
  const float* a = nullptr;
  std::int64_t a_row = 0, a_step = 1, rows = 0, depth = 0, columns = 0;
  const BFloat16* b = nullptr;
  float* y = nullptr;
  std::int64_t y_row = 0;
  bool accumulate = false;
};
void multiply(const SplitMatrixProduct& product);

}  // namespace joist::tiles
