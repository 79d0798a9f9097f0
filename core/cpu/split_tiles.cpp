#include <joist/core/cpu/split_tiles.h>

namespace joist::tiles {

#ifdef __x86_64__
namespace {

#define JOIST_TILES __attribute__((target("amx-tile,amx-bf16")))

// Tiles 0 … 3 are sums (left and right above, left and right below), 4 and 5 rows of a, 6 and 7 halves of the panel.
// One part of a times one of the panel. What is not null is loaded, else tiles 4 … 7 stay as they are.
template <bool lower, bool right>
JOIST_TILES inline void add_product(const SplitProduct& t, const BFloat16* a, const BFloat16* b) {
  if (a) _tile_loadd(4, a, 2 * t.row);
  if (b) _tile_loadd(6, b, 64);
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (right) {
    if (b) _tile_loadd(7, b + numbers, 64);
    _tile_dpbf16ps(1, 4, 7);
  }
  if constexpr (lower) {
    if (a) _tile_loadd(5, a + t.lower_rows, 2 * t.row);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (right) _tile_dpbf16ps(3, 5, 7);
  }
}

// Rows first … last - 1 of a product.
__attribute__((target("avx512f"))) inline void write(const float* sums, const SumsTarget& to, std::int64_t first,
                                                     std::int64_t last) {
  const std::uint32_t all = to.columns >= panel_columns ? 0xFFFFFFFFU : (1U << to.columns) - 1U;
  const auto left = static_cast<__mmask16>(all), right = static_cast<__mmask16>(all >> 16);
  for (std::int64_t i = first; i < std::min(last, to.height); ++i) {
    if (to.y_rows && !to.y_rows[i]) continue;
    float* const y = to.y_rows ? to.y_rows[i] + to.y_column : to.y + i * to.y_row;
    __m512 a = _mm512_load_ps(sums + i * panel_columns), b = _mm512_load_ps(sums + i * panel_columns + rows);
    if (to.start) {
      const float* const start = to.start + i * to.start_row;
      a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(left, start));
      b = _mm512_add_ps(b, _mm512_maskz_loadu_ps(right, start + rows));
    }
    if (to.accumulate) {
      a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(left, y));
      b = _mm512_add_ps(b, _mm512_maskz_loadu_ps(right, y + rows));
    }
    _mm512_mask_storeu_ps(y, left, a);
    if (right) _mm512_mask_storeu_ps(y + rows, right, b);
  }
}

template <bool lower, bool right>
JOIST_TILES __attribute__((target("avx512f"))) void multiply(const SplitProduct& t, float* sums, const float* before,
                                                             const SumsTarget& waiting) {
  asm volatile("" ::: "memory");  // what was written before is read by instructions that do not say so
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const std::int64_t some = (block_rows + 2 * t.steps - 1) / (2 * t.steps);
  std::int64_t written = 0;
  const BFloat16* b = t.panel;
  for (std::int64_t k = 0; k < t.steps; ++k, b += split_step, written += some) {
    const BFloat16* const a = t.rows + t.places[k];
    add_product<lower, right>(t, a + 2 * t.part, b);
    add_product<lower, right>(t, a + t.part, nullptr);
    write(before, waiting, written, written + some);
    add_product<lower, right>(t, nullptr, b + pair);
    add_product<lower, right>(t, a, nullptr);
    add_product<lower, right>(t, nullptr, b + 2 * pair);
  }
  b = t.panel;
  for (std::int64_t k = 0; k < t.steps; ++k, b += split_step, written += some) {
    add_product<lower, right>(t, t.rows + t.places[k], b);
    write(before, waiting, written, written + some);
  }
  constexpr std::int64_t bytes = 4 * panel_columns;
  _tile_stored(0, sums, bytes);
  if constexpr (right) _tile_stored(1, sums + rows, bytes);
  if constexpr (lower) _tile_stored(2, sums + rows * panel_columns, bytes);
  if constexpr (lower && right) _tile_stored(3, sums + rows * panel_columns + rows, bytes);
}
#undef JOIST_TILES

}  // namespace

void SplitProducts::add(const SplitProduct& product, const SumsTarget& to) {
  const auto run = product.lower ? (product.right ? multiply<true, true> : multiply<true, false>)
                                 : (product.right ? multiply<false, true> : multiply<false, false>);
  run(product, sums_[now_], sums_[1 - now_], waiting_);
  now_ = 1 - now_;
  waiting_ = to;
}

void SplitProducts::finish() {
  write(sums_[1 - now_], waiting_, 0, block_rows);
  waiting_ = {};
}
#else
void SplitProducts::add(const SplitProduct&, const SumsTarget&) {}
void SplitProducts::finish() {}
#endif

}  // namespace joist::tiles
