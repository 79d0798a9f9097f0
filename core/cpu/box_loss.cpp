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

// CIoU = IoU - rho² / c² - alpha v (Zheng et al. 2020): rho the distance of the centres, c the diagonal of the box
// around both, v = 4 / pi² (atan(wb / hb) - atan(wa / ha))², alpha = v / (1 - IoU + v). Denominators carry epsilon
// 1e-7.
struct CompleteIou {
  Lanes ax1, ay1, ax2, ay2, bx1, by1, bx2, by2;
  Lanes epsilon{1e-7F};
  Lanes wa = ax2 - ax1, ha = ay2 - ay1, wb = bx2 - bx1, hb = by2 - by1;
  Lanes overlap_w = min(ax2, bx2) - max(ax1, bx1), overlap_h = min(ay2, by2) - max(ay1, by1);
  Lanes inter_w = max(overlap_w, Lanes(0.0F)), inter_h = max(overlap_h, Lanes(0.0F)), inter = inter_w * inter_h;
  Lanes either = wa * ha + wb * hb - inter + epsilon;
  Lanes iou = inter / either;
  Lanes hull_w = max(ax2, bx2) - min(ax1, bx1), hull_h = max(ay2, by2) - min(ay1, by1);
  Lanes diagonal = hull_w * hull_w + hull_h * hull_h + epsilon;
  Lanes apart_x = bx1 + bx2 - ax1 - ax2, apart_y = by1 + by2 - ay1 - ay2;
  Lanes distance = (apart_x * apart_x + apart_y * apart_y) * Lanes(0.25F);
  Lanes turn =
      Lanes(hn::Atan(FloatTag(), (wb / (hb + epsilon)).v)) - Lanes(hn::Atan(FloatTag(), (wa / (ha + epsilon)).v));
  Lanes aspect = Lanes(0.40528473456935109F) * turn * turn;
  Lanes alpha = aspect / (Lanes(1.0F) - iou + aspect + epsilon);

  HWY_INLINE Lanes value() const { return iou - distance / diagonal - alpha * aspect; }
};

HWY_INLINE CompleteIou at(const BoxBlock& block, std::int64_t i) {
  const auto a = [&](std::size_t k) HWY_ATTR { return load(block.a[k] + i); };
  const auto b = [&](std::size_t k) HWY_ATTR { return load(block.b[k] + i); };
  return {.ax1 = a(0), .ay1 = a(1), .ax2 = a(2), .ay2 = a(3), .bx1 = b(0), .by1 = b(1), .bx2 = b(2), .by2 = b(3)};
}

void complete_iou_block(BoxBlock& block) {
  for (std::int64_t i = 0; i < BoxBlock::size; i += lanes()) store(at(block, i).value(), block.result[0] + i);
}

// Slopes of max(p, q) and min(p, q) in p; one half where both are equal.
HWY_INLINE Lanes above(Lanes p, Lanes q) { return slope_first(Maximum{}, p, q); }
HWY_INLINE Lanes below(Lanes p, Lanes q) { return slope_first(Minimum{}, p, q); }

// Gradient along one axis: low and high side of box a, given how the value changes with the overlap's length, the
// hull's length, the own length and the distance of the centres along that axis.
HWY_INLINE void put_axis(Lanes a1, Lanes a2, Lanes b1, Lanes b2, Lanes by_overlap, Lanes by_hull, Lanes by_length,
                         Lanes by_apart, float* low, float* high) {
  const Lanes zero(0.0F);
  store(zero - by_overlap * above(a1, b1) - by_hull * below(a1, b1) - by_length - by_apart, low);
  store(by_overlap * below(a2, b2) + by_hull * above(a2, b2) + by_length - by_apart, high);
}

void complete_iou_backward_block(BoxBlock& block) {
  const Lanes zero(0.0F), two(2.0F);
  for (std::int64_t i = 0; i < BoxBlock::size; i += lanes()) {
    const CompleteIou c = at(block, i);
    const Lanes dy = load(block.dy + i);
    // iou = inter / either, either = own area + other's - inter
    const Lanes by_inter = dy * (c.either + c.inter) / (c.either * c.either);
    const Lanes by_area = zero - dy * c.iou / c.either;
    const Lanes by_overlap_w = select(c.overlap_w > zero, by_inter * c.inter_h, zero);
    const Lanes by_overlap_h = select(c.overlap_h > zero, by_inter * c.inter_w, zero);
    const Lanes by_diagonal = dy * c.distance / (c.diagonal * c.diagonal);
    const Lanes by_apart = zero - dy * Lanes(0.5F) / c.diagonal;
    // aspect = 4 / pi² turn²; atan(w / h)' = (h dw - w dh) / (h² + w²)
    const Lanes h = c.ha + c.epsilon;
    const Lanes by_angle = dy * c.alpha * two * Lanes(0.40528473456935109F) * c.turn / (h * h + c.wa * c.wa);
    const Lanes by_w = by_area * c.ha + by_angle * h, by_h = by_area * c.wa - by_angle * c.wa;
    put_axis(c.ax1, c.ax2, c.bx1, c.bx2, by_overlap_w, by_diagonal * two * c.hull_w, by_w, by_apart * c.apart_x,
             block.result[0] + i, block.result[2] + i);
    put_axis(c.ay1, c.ay2, c.by1, c.by2, by_overlap_h, by_diagonal * two * c.hull_h, by_h, by_apart * c.apart_y,
             block.result[1] + i, block.result[3] + i);
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
