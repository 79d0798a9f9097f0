#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/half_matrix.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#include <algorithm>
#include <array>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/half_matrix.cpp>
// clang-format off
#include <hwy/foreach_target.h>  // before the others
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using WordTag = hn::RebindToUnsigned<FloatTag>;
using HalfTag = hn::Rebind<std::uint16_t, FloatTag>;

// As BFloat16(float) does it.
void round_some(const float* x, std::int64_t count, BFloat16* y) {
  const WordTag d;
  const hn::RebindToSigned<FloatTag> di;
  auto* to = reinterpret_cast<std::uint16_t*>(y);
  std::int64_t i = 0;
  for (; i + lanes() <= count; i += lanes()) {
    const auto number = hn::LoadU(FloatTag(), x + i);
    const auto word = hn::BitCast(d, number), high = hn::ShiftRight<16>(word);
    const auto odd = hn::And(high, hn::Set(d, 1));
    const auto nearest = hn::ShiftRight<16>(hn::Add(word, hn::Add(odd, hn::Set(d, 0x7FFF))));
    const auto quiet = hn::Or(high, hn::Set(d, 0x40));
    const auto result = hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(number)), quiet, nearest);
    hn::StoreU(hn::DemoteTo(HalfTag(), hn::BitCast(di, result)), HalfTag(), to + i);
  }
  for (; i < count; ++i) y[i] = BFloat16(x[i]);
}

void widen_some(const BFloat16* x, std::int64_t count, float* y) {
  const WordTag d;
  const auto* from = reinterpret_cast<const std::uint16_t*>(x);
  std::int64_t i = 0;
  for (; i + lanes() <= count; i += lanes())
    store(hn::BitCast(FloatTag(), hn::ShiftLeft<16>(hn::PromoteTo(d, hn::LoadU(HalfTag(), from + i)))), y + i);
  for (; i < count; ++i) y[i] = x[i];
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86
#include <immintrin.h>
#endif
namespace joist {
namespace {
HWY_EXPORT(round_some);
HWY_EXPORT(widen_some);

// A tile has 16 rows of 64 bytes: 16 sums, or 32 numbers of a row of a, or of two rows of b for 16 columns.
constexpr std::int64_t tile_rows = 16, tile_depth = 32, tile_numbers = tile_rows * tile_depth;
constexpr std::int64_t panel_columns = 2 * tile_rows;
constexpr std::int64_t block_tiles = 16;  // along k, between which a's rows stay in the first-level cache

#if HWY_ARCH_X86
bool has_tiles() {
  static const bool has = onednn::has_bfloat16_tiles() && PackedMatrix::panel_columns() == panel_columns;
  return has;
}

// Tiles 0 … 3 are sums (of the upper rows, upper, lower, lower), 4 and 5 rows of a, 6 and 7 of the panel.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> bytes{64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
};

// Up to 32 rows times one panel, `steps` tiles along k.
struct TileProduct {
  const BFloat16* a;
  const BFloat16* panel;
  float* y;
  std::int64_t a_row, y_row, steps;
  bool accumulate;
};

#define JOIST_TILES __attribute__((target("amx-tile,amx-bf16")))
template <bool lower>
JOIST_TILES void multiply_tiles(const TileProduct& t) {
  const std::int64_t y_bytes = 4 * t.y_row, a_bytes = 2 * t.a_row;
  float* const below = t.y + tile_rows * t.y_row;
  asm volatile("" ::: "memory");  // what was written before is read by instructions that do not say so
  if (t.accumulate) {
    _tile_loadd(0, t.y, y_bytes);
    _tile_loadd(1, t.y + tile_rows, y_bytes);
    if constexpr (lower) {
      _tile_loadd(2, below, y_bytes);
      _tile_loadd(3, below + tile_rows, y_bytes);
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
  for (std::int64_t k = 0; k < t.steps; ++k, a += tile_depth, b += 2 * tile_numbers) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + tile_numbers, 64);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (lower) {
      _tile_loadd(5, a + tile_rows * t.a_row, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, t.y, y_bytes);
  _tile_stored(1, t.y + tile_rows, y_bytes);
  if constexpr (lower) {
    _tile_stored(2, below, y_bytes);
    _tile_stored(3, below + tile_rows, y_bytes);
  }
}

// The same where the panel has fewer columns than 32: by way of memory that has them.
void multiply_narrow(const TileProduct& product, std::int64_t rows, std::int64_t columns) {
  alignas(64) std::array<float, 2 * tile_rows * panel_columns> sums;
  TileProduct t = product;
  t.y = sums.data();
  t.y_row = panel_columns;
  for (std::int64_t i = 0; t.accumulate && i < rows; ++i)
    std::copy_n(product.y + i * product.y_row, columns, t.y + i * panel_columns);
  rows > tile_rows ? multiply_tiles<true>(t) : multiply_tiles<false>(t);
  for (std::int64_t i = 0; i < rows; ++i) std::copy_n(t.y + i * panel_columns, columns, product.y + i * product.y_row);
}

// Tiles of `rows` rows, at most 32, while it lives.
class TileUse {
 public:
  JOIST_TILES explicit TileUse(std::int64_t rows) {
    TileShapes shapes;
    const auto upper = static_cast<std::uint8_t>(std::min(rows, tile_rows));
    const auto lower = static_cast<std::uint8_t>(std::max<std::int64_t>(rows - tile_rows, 1));
    for (const std::size_t tile : {0, 1, 4}) shapes.rows[tile] = upper;
    for (const std::size_t tile : {2, 3, 5}) shapes.rows[tile] = lower;
    asm volatile("" : "+m"(shapes));
    _tile_loadconfig(&shapes);
  }
  JOIST_TILES ~TileUse() { _tile_release(); }
  TileUse(const TileUse&) = delete;
  TileUse& operator=(const TileUse&) = delete;
};
#undef JOIST_TILES
#else
bool has_tiles() { return false; }
#endif

// [panel, k / 32, half, k / 2 in 32, column, k in 2] of b [k, n], with zeros around.
Array pack_tiles(const Array& b) {
  const std::int64_t depth = b.shape(0), columns = b.shape(1);
  const std::int64_t down = b.strides()[0], across = b.strides()[1];
  const std::int64_t steps = (depth + tile_depth - 1) / tile_depth, halves = (columns + tile_rows - 1) / tile_rows;
  const std::int64_t panels = (halves + 1) / 2;
  const Array packed = Array::empty({panels, steps, 2, tile_rows, tile_rows, 2}, Dtype::bfloat16);
  const BFloat16* const from = b.data<BFloat16>();
  parallel_for(panels * steps, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item)
      for (std::int64_t half = 0; half < 2; ++half) {
        BFloat16* const tile = packed.data<BFloat16>() + (2 * item + half) * tile_numbers;
        const std::int64_t left = item / steps * panel_columns + half * tile_rows, top = item % steps * tile_depth;
        for (std::int64_t j = 0; j < tile_rows; ++j)
          for (std::int64_t k = 0; k < tile_depth; ++k)
            tile[k / 2 * tile_depth + 2 * j + k % 2] =
                top + k < depth && left + j < columns ? from[(top + k) * down + (left + j) * across] : BFloat16();
      }
  });
  return packed;
}

}  // namespace

void round_row(const float* x, std::int64_t count, BFloat16* y) { HWY_DYNAMIC_DISPATCH(round_some)(x, count, y); }
void widen_row(const BFloat16* x, std::int64_t count, float* y) { HWY_DYNAMIC_DISPATCH(widen_some)(x, count, y); }

HalfMatrix::HalfMatrix(const Array& b) : depth_(b.shape(0)), columns_(b.shape(1)) {
  if (has_tiles()) {
    packed_ = pack_tiles(b);
    return;
  }
  const Array wide = Array::empty(b.shape());
  copy_array(b, {wide});
  wide_ = PackedMatrix(wide);
}

void HalfMatrix::multiply(const BFloat16* a, std::int64_t a_row, std::int64_t rows, float* y, std::int64_t y_row,
                          std::int64_t first, std::int64_t last, bool accumulate) const {
  if (!packed_.defined()) {
    std::vector<float> wide(static_cast<std::size_t>(rows * depth_));
    for (std::int64_t i = 0; i < rows; ++i) widen_row(a + i * a_row, depth_, wide.data() + i * depth_);
    return wide_.multiply(wide.data(), depth_, rows, y, y_row, first, last, accumulate);
  }
#if HWY_ARCH_X86
  const std::int64_t steps = packed_.shape(1);
  for (std::int64_t top = 0; top < rows; top += 2 * tile_rows) {
    const std::int64_t height = std::min(2 * tile_rows, rows - top);
    const TileUse use(height);
    for (std::int64_t k = 0; k == 0 || k < steps; k += block_tiles)
      for (std::int64_t panel = first; panel < last; ++panel) {
        const TileProduct product{a + top * a_row + k * tile_depth,
                                  packed_.data<BFloat16>() + (panel * steps + k) * 2 * tile_numbers,
                                  y + top * y_row + panel * panel_columns,
                                  a_row,
                                  y_row,
                                  std::min(block_tiles, steps - k),
                                  accumulate || k > 0};
        const std::int64_t columns = std::min(panel_columns, columns_ - panel * panel_columns);
        if (columns < panel_columns)
          multiply_narrow(product, height, columns);
        else if (height > tile_rows)
          multiply_tiles<true>(product);
        else
          multiply_tiles<false>(product);
      }
  }
#endif
}

}  // namespace joist
#endif
