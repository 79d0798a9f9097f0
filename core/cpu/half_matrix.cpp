#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/half_matrix.h>
#include <joist/core/cpu/half_tiles.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#include <algorithm>
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
namespace joist {
namespace {
HWY_EXPORT(round_some);
HWY_EXPORT(widen_some);

// [panel, k / 32, half, k / 2 in 32, column, k in 2] of b [k, n], with zeros around.
Array pack_tiles(const Array& b) {
  const std::int64_t depth = b.shape(0), columns = b.shape(1);
  const std::int64_t down = b.strides()[0], across = b.strides()[1];
  const std::int64_t steps = (depth + tiles::depth - 1) / tiles::depth;
  const std::int64_t panels = (columns + tiles::panel_columns - 1) / tiles::panel_columns;
  const Array packed = Array::empty({panels, steps, 2, tiles::numbers}, Dtype::bfloat16);
  parallel_for(panels * steps, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = 2 * begin; tile < 2 * end; ++tile) {
      const std::int64_t left = tile / 2 / steps * tiles::panel_columns + tile % 2 * tiles::rows;
      const std::int64_t top = tile / 2 % steps * tiles::depth;
      tiles::pack_columns(
          {b.data<BFloat16>() + top * down + left * across, across, down,
           std::clamp<std::int64_t>(columns - left, 0, tiles::rows), std::min(tiles::depth, depth - top)},
          packed.data<BFloat16>() + tile * tiles::numbers);
    }
  });
  return packed;
}

}  // namespace

void round_row(const float* x, std::int64_t count, BFloat16* y) { HWY_DYNAMIC_DISPATCH(round_some)(x, count, y); }
void widen_row(const BFloat16* x, std::int64_t count, float* y) { HWY_DYNAMIC_DISPATCH(widen_some)(x, count, y); }

HalfMatrix::HalfMatrix(const Array& b) : depth_(b.shape(0)), columns_(b.shape(1)) {
  if (tiles::exist()) {
    const bool neighbours = b.strides()[0] == 1 || b.strides()[1] == 1;
    packed_ = pack_tiles(neighbours ? b : with_strides(b, row_major(b.shape())));
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
  const std::int64_t steps = packed_.shape(1);
  for (std::int64_t top = 0; top < rows; top += tiles::block_rows) {
    const std::int64_t height = std::min(tiles::block_rows, rows - top);
    const tiles::Use use(height);
    for (std::int64_t k = 0; k == 0 || k < steps; k += tiles::near_steps)
      for (std::int64_t panel = first; panel < last; ++panel) {
        tiles::Product one;
        one.a = a + top * a_row + k * tiles::depth;
        one.a_row = a_row;
        one.a_step = tiles::depth;
        one.a_lower = tiles::rows * a_row;
        one.panel = packed_.data<BFloat16>() + (panel * steps + k) * 2 * tiles::numbers;
        one.y = y + top * y_row + panel * tiles::panel_columns;
        one.y_row = y_row;
        one.steps = std::min(tiles::near_steps, steps - k);
        if (accumulate || k > 0) {
          one.start = one.y;
          one.start_row = y_row;
        }
        tiles::multiply(one, height, columns_ - panel * tiles::panel_columns);
      }
  }
}

}  // namespace joist
#endif
