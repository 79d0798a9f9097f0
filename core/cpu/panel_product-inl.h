// Products with a matrix that was packed into panels of two registers' width, once per instruction set.
#if defined(JOIST_CORE_CPU_PANEL_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef JOIST_CORE_CPU_PANEL_PRODUCT_INL_H
#undef JOIST_CORE_CPU_PANEL_PRODUCT_INL_H
#else
#define JOIST_CORE_CPU_PANEL_PRODUCT_INL_H
#endif

#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/simd-inl.h>

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {

// A tile of rows times two registers of columns stays in registers: 24 of AVX-512's 32, 12 of the others' 16.
#if HWY_TARGET == HWY_AVX3
constexpr int most_panel_rows = 12;
#else
constexpr int most_panel_rows = 6;
#endif
// Steps along k between which a's and b's part stay in the first-level cache.
constexpr std::int64_t panel_block = 128;

inline std::int64_t panel_width() { return 2 * lanes(); }

// `registers`: 1 where no more of the panel is wanted. `later`: brought nearer, a line per step.
template <int rows, int registers, bool ahead>
HWY_INLINE void multiply_panel_tile(const PanelProduct& t, const float* later) {
  const std::int64_t width = lanes(), last = t.columns - (registers - 1) * width;
  const bool whole = last == width;
  Lanes sums[rows][registers];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < registers; ++v) sums[r][v] = Lanes(0.0F);
  const float* b = t.panel;
  // Every fourth row has a pointer; one for each would be more than there are registers. They are separate variables
  // behind a barrier, else the compiler adds to two of them at once, in memory.
  const float *top = t.a, *middle = t.a + 4 * t.a_row, *bottom = t.a + 8 * t.a_row;
  for (std::int64_t k = 0; k < t.depth; ++k, b += 2 * width) {
    asm("" : "+r"(top), "+r"(middle), "+r"(bottom));
    if constexpr (ahead) {
      __builtin_prefetch(later, 0, 2);  // into the second-level cache: the first one is the product's
      later += 16;
    }
    Lanes right[registers];
    for (int v = 0; v < registers; ++v) right[v] = load(b + v * width);
    // In groups of four: from one loop over all rows g++ 12 makes wrong addresses under UBSan.
#pragma GCC unroll 3
    for (int group = 0; group < (rows + 3) / 4; ++group) {
      const float* const from = group == 0 ? top : group == 1 ? middle : bottom;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const int r = 4 * group + i;
        if (r >= rows) break;
        const Lanes a(from[i * t.a_row]);
        for (int v = 0; v < registers; ++v) sums[r][v] = multiply_add(a, right[v], sums[r][v]);
      }
    }
    top += t.a_step;
    middle += t.a_step;
    bottom += t.a_step;
  }
  // What is there is added last: sums of sums lose less than one long sum.
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    float* y = t.y + r * t.y_row;
    float* end = y + (registers - 1) * width;
    if (t.accumulate) {
      for (int v = 0; v + 1 < registers; ++v) sums[r][v] = load(y + v * width) + sums[r][v];
      sums[r][registers - 1] = (whole ? load(end) : load_first(end, last)) + sums[r][registers - 1];
    }
    for (int v = 0; v + 1 < registers; ++v) store(sums[r][v], y + v * width);
    whole ? store(sums[r][registers - 1], end) : store_first(sums[r][registers - 1], end, last);
  }
}

template <int rows, int registers>
void multiply_panel_rows(int wanted, const PanelProduct& tile, const float* later) {
  if (wanted == rows)
    return later ? multiply_panel_tile<rows, registers, true>(tile, later)
                 : multiply_panel_tile<rows, registers, false>(tile, nullptr);
  if constexpr (rows > 1) multiply_panel_rows<rows - 1, registers>(wanted, tile, later);
}

/// y [rows, columns] = a · panel for all of `depth`; the rows fall into tiles of nearly equal height.
inline void multiply_panel(const PanelProduct& product, std::int64_t rows) {
  const std::int64_t tiles = (rows + most_panel_rows - 1) / most_panel_rows;
  const std::int64_t registers = product.columns > lanes() ? 2 : 1;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t first = rows * i / tiles, last = rows * (i + 1) / tiles;
    PanelProduct tile = product;
    tile.a += first * tile.a_row;
    tile.y += first * tile.y_row;
    const float* const later = product.ahead ? product.ahead->take(product.depth) : nullptr;
    if (registers == 2)
      multiply_panel_rows<most_panel_rows, 2>(static_cast<int>(last - first), tile, later);
    else
      multiply_panel_rows<most_panel_rows, 1>(static_cast<int>(last - first), tile, later);
  }
}

/// Panels first … last - 1 of a matrix of `whole.columns` columns and `whole.depth` rows that `whole.panel` begins.
/// Block after block of k, so that a's part stays in the first-level cache for all panels.
inline void multiply_panels(const PanelProduct& whole, std::int64_t rows, std::int64_t first, std::int64_t last) {
  for (std::int64_t k = 0; k == 0 || k < whole.depth; k += panel_block)
    for (std::int64_t panel = first; panel < last; ++panel) {
      PanelProduct one = whole;
      one.a += k * whole.a_step;
      one.panel += (panel * whole.depth + k) * panel_width();
      one.y += panel * panel_width();
      one.depth = std::min(panel_block, whole.depth - k);
      one.columns = std::min(panel_width(), whole.columns - panel * panel_width());
      one.accumulate = whole.accumulate || k > 0;
      multiply_panel(one, rows);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#endif
