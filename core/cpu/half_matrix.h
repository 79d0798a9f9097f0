// bfloat16 in the CPU's kernels: rounding rows, and products with a matrix that was packed once.
#pragma once

#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/half.h>

namespace joist {

/// y[i] = x[i] to the nearest, ties to even, for i < count.
void round_row(const float* x, std::int64_t count, BFloat16* y);
/// y[i] = x[i], which is exact.
void widen_row(const BFloat16* x, std::int64_t count, float* y);

/// A PackedMatrix of bfloat16 numbers; sums are float32. On processors with AMX its products take a tenth of the time,
/// on others they go by way of a PackedMatrix.
class HalfMatrix {
 public:
  HalfMatrix() = default;
  /// b [k, n], bfloat16 of any strides.
  explicit HalfMatrix(const Array& b);

  std::int64_t depth() const { return depth_; }
  /// Numbers from row to row of an operand: its depth, filled up with zeros that are read too. Never a multiple of 4
  /// KB, at which rows would drive each other out of the caches.
  static std::int64_t row_of(std::int64_t depth) { return (depth + 31) / 32 * 32 + (depth % 512 == 0 ? 32 : 0); }

  /// PackedMatrix::multiply with a in bfloat16, its rows of a_row >= row_of(depth()) numbers; panels have
  /// PackedMatrix::panel_columns().
  void multiply(const BFloat16* a, std::int64_t a_row, std::int64_t rows, float* y, std::int64_t y_row,
                std::int64_t first, std::int64_t last, bool accumulate) const;

 private:
  Array packed_{};  // for AMX: [panel, k / 32, half of the panel, k / 2 in 32, column, k in 2]
  PackedMatrix wide_{};
  std::int64_t depth_ = 0, columns_ = 0;
};

}  // namespace joist
