#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/packed_matrix.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

// A tile of rows times two registers of columns stays in registers: 24 of AVX-512's 32, 12 of the others' 16.
#if HWY_TARGET == HWY_AVX3
constexpr int most_rows = 12;
#else
constexpr int most_rows = 6;
#endif
// Steps along k between which a's and b's part stay in the first-level cache.
constexpr std::int64_t block = 128;

std::int64_t panel_width() { return 2 * lanes(); }

template <int rows>
void multiply_tile(const PanelProduct& t) {
  const std::int64_t width = lanes(), left = t.columns - width;
  const bool whole = left == width;
  Lanes sums[rows][2];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    sums[r][0] = sums[r][1] = Lanes(0.0F);
    if (!t.accumulate) continue;
    const float* y = t.y + r * t.y_row;
    if (whole) {
      sums[r][0] = load(y);
      sums[r][1] = load(y + width);
    } else {
      sums[r][0] = load_up_to(y, t.columns);
      if (left > 0) sums[r][1] = load_up_to(y + width, left);
    }
  }
  const float* b = t.panel;
  // Every fourth row has a pointer; one for each would be more than there are registers.
  const float* top[(most_rows + 3) / 4];
  for (int i = 0; i < (rows + 3) / 4; ++i) top[i] = t.a + 4 * i * t.a_row;
  for (std::int64_t k = 0; k < t.depth; ++k, b += 2 * width) {
    const Lanes b0 = load(b), b1 = load(b + width);
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      if (r % 4 == 0) asm("" : "+r"(top[r / 4]));  // that the compiler keeps these pointers
      const Lanes a(top[r / 4][r % 4 * t.a_row]);
      sums[r][0] = multiply_add(a, b0, sums[r][0]);
      sums[r][1] = multiply_add(a, b1, sums[r][1]);
    }
#pragma GCC unroll 3
    for (int i = 0; i < (rows + 3) / 4; ++i) ++top[i];
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    float* y = t.y + r * t.y_row;
    if (whole) {
      store(sums[r][0], y);
      store(sums[r][1], y + width);
    } else {
      store_up_to(sums[r][0], y, t.columns);
      if (left > 0) store_up_to(sums[r][1], y + width, left);
    }
  }
}

template <int rows>
void multiply_rows(int wanted, const PanelProduct& tile) {
  if (wanted == rows) return multiply_tile<rows>(tile);
  if constexpr (rows > 1) multiply_rows<rows - 1>(wanted, tile);
}

// A part of k for one panel; the rows fall into tiles of nearly equal height.
void multiply_block(const PanelProduct& block_of_panel, std::int64_t rows) {
  const std::int64_t tiles = (rows + most_rows - 1) / most_rows;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t first = rows * i / tiles, last = rows * (i + 1) / tiles;
    PanelProduct tile = block_of_panel;
    tile.a += first * tile.a_row;
    tile.y += first * tile.y_row;
    multiply_rows<most_rows>(static_cast<int>(last - first), tile);
  }
}

// Block after block of k, so that a's part stays in the first-level cache for all panels.
void multiply_panels(const PanelProduct& whole, std::int64_t rows, std::int64_t first, std::int64_t last) {
  for (std::int64_t k = 0; k == 0 || k < whole.depth; k += block)
    for (std::int64_t panel = first; panel < last; ++panel) {
      PanelProduct one = whole;
      one.a += k;
      one.panel += (panel * whole.depth + k) * panel_width();
      one.y += panel * panel_width();
      one.depth = std::min(block, whole.depth - k);
      one.columns = std::min(panel_width(), whole.columns - panel * panel_width());
      one.accumulate = whole.accumulate || k > 0;
      multiply_block(one, rows);
    }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(panel_width);
HWY_EXPORT(multiply_panels);
}  // namespace

std::int64_t PackedMatrix::panel_columns() { return HWY_DYNAMIC_DISPATCH(panel_width)(); }

PackedMatrix::PackedMatrix(const Array& b) : depth_(b.shape(0)), columns_(b.shape(1)) {
  const std::int64_t width = panel_columns(), down = b.strides()[0], across = b.strides()[1];
  packed_ = Array::empty({panels(), depth_, width});
  float* const packed = packed_.data<float>();
  const float* const from = b.data<float>();
  // Blocks of rows of the packed matrix: both sides stay in the cache whichever way b lies.
  parallel_for(panels(), 1 + 65536 / (1 + depth_ * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel)
      for (std::int64_t top = 0; top < depth_; top += 16)
        for (std::int64_t j = 0; j < width; ++j)
          for (std::int64_t k = top; k < std::min(top + 16, depth_); ++k)
            packed[(panel * depth_ + k) * width + j] =
                panel * width + j < columns_ ? from[k * down + (panel * width + j) * across] : 0.0F;
  });
}

void PackedMatrix::multiply(const float* a, std::int64_t a_row, std::int64_t rows, float* y, std::int64_t y_row,
                            std::int64_t first, std::int64_t last, bool accumulate) const {
  HWY_DYNAMIC_DISPATCH(multiply_panels)
  ({a, packed_.data<float>(), y, a_row, y_row, depth_, columns_, accumulate}, rows, first, last);
}

}  // namespace joist
#endif
