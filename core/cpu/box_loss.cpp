#include <algorithm>
#include <joist/core/cpu/box_loss.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/box_loss.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

#ifndef JOIST_CORE_CPU_BOX_LOSS_BLOCK
#define JOIST_CORE_CPU_BOX_LOSS_BLOCK
namespace joist {
namespace {

// Boxes by coordinate, so that a register holds one coordinate of several boxes. 64 is a multiple of every register.
struct BoxBlock {
  static constexpr std::int64_t size = 64;
  alignas(64) float a[4][size], b[4][size], dy[size], result[4][size];
};

}  // namespace
}  // namespace joist
#endif

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE Lanes arc_tangent(Lanes x) { return hn::Atan(FloatTag(), x.v); }
#define JOIST_INLINE HWY_INLINE
#include <joist/core/kernels/complete_iou.inl>
#undef JOIST_INLINE

HWY_INLINE CompleteIou<Lanes> at(const BoxBlock& block, std::int64_t i) {
  const auto a = [&](std::size_t k) HWY_ATTR { return load(block.a[k] + i); };
  const auto b = [&](std::size_t k) HWY_ATTR { return load(block.b[k] + i); };
  return {.ax1 = a(0), .ay1 = a(1), .ax2 = a(2), .ay2 = a(3), .bx1 = b(0), .by1 = b(1), .bx2 = b(2), .by2 = b(3)};
}

void complete_iou_block(BoxBlock& block) {
  for (std::int64_t i = 0; i < BoxBlock::size; i += lanes()) store(value_of(at(block, i)), block.result[0] + i);
}

void complete_iou_backward_block(BoxBlock& block) {
  for (std::int64_t i = 0; i < BoxBlock::size; i += lanes()) {
    const BoxSlopes<Lanes> slope = slopes_of(at(block, i), load(block.dy + i));
    store(slope.x1, block.result[0] + i);
    store(slope.y1, block.result[1] + i);
    store(slope.x2, block.result[2] + i);
    store(slope.y2, block.result[3] + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(complete_iou_block);
HWY_EXPORT(complete_iou_backward_block);

// Rows [first, first + count) of boxes [rows, 4] into columns.
void gather(const Array& boxes, std::int64_t first, std::int64_t count, float (&columns)[4][BoxBlock::size]) {
  const float* data = boxes.data<float>() + first * boxes.strides()[0];
  const std::int64_t row = boxes.strides()[0], column = boxes.strides()[1];
  for (std::int64_t i = 0; i < count; ++i, data += row)
    for (std::int64_t k = 0; k < 4; ++k) columns[k][i] = data[k * column];
}

// visit(block, first, count) for every 64 rows.
template <class Visit>
void for_each_block(const Array& a, const Array& b, const Visit& visit) {
  const std::int64_t rows = a.shape(0), blocks = (rows + BoxBlock::size - 1) / BoxBlock::size;
  parallel_for(blocks, 16, [&](std::int64_t begin, std::int64_t end) {
    BoxBlock block{};
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index * BoxBlock::size, count = std::min(BoxBlock::size, rows - first);
      gather(a, first, count, block.a);
      gather(b, first, count, block.b);
      visit(block, first, count);
    }
  });
}

void put(float& y, float value, bool accumulate) { y = accumulate ? y + value : value; }

}  // namespace

void complete_iou(const Array& a, const Array& b, const Out& out) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(complete_iou_block);
  auto* y = out.array.data<float>();
  const std::int64_t stride = out.array.strides()[0];
  for_each_block(a, b, [&](BoxBlock& block, std::int64_t first, std::int64_t count) {
    kernel(block);
    for (std::int64_t i = 0; i < count; ++i) put(y[(first + i) * stride], block.result[0][i], out.accumulate);
  });
}

void complete_iou_backward(const Array& a, const Array& b, const Array& dy, const Out& out) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(complete_iou_backward_block);
  const auto* slopes = dy.data<float>();
  auto* da = out.array.data<float>();
  const Strides& strides = out.array.strides();
  for_each_block(a, b, [&](BoxBlock& block, std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) block.dy[i] = slopes[(first + i) * dy.strides()[0]];
    kernel(block);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t k = 0; k < 4; ++k)
        put(da[(first + i) * strides[0] + k * strides[1]], block.result[k][i], out.accumulate);
  });
}

}  // namespace joist
#endif
