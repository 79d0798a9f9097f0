// A thread per pair of boxes, by the CPU's formulas.
#include <joist/cuda/box_loss.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/functions.h>

namespace joist::scalar {
namespace {

JOIST_HOST_DEVICE inline float arc_tangent(float x) { return std::atan(x); }
#define JOIST_INLINE JOIST_HOST_DEVICE inline
#include <joist/core/kernels/complete_iou.inl>
#undef JOIST_INLINE

}  // namespace
}  // namespace joist::scalar

namespace joist::cuda {
namespace {

// Rows of boxes [rows, 4].
struct Boxes {
  Floats sides;
  std::int64_t row, column;
  explicit Boxes(const Array& boxes) : sides(boxes), row(boxes.strides()[0]), column(boxes.strides()[1]) {}
  JOIST_DEVICE float operator()(std::int64_t i, int k) const { return sides[i * row + k * column]; }
};
JOIST_DEVICE scalar::CompleteIou<float> overlap(const Boxes& a, const Boxes& b, std::int64_t i) {
  return {.ax1 = a(i, 0),
          .ay1 = a(i, 1),
          .ax2 = a(i, 2),
          .ay2 = a(i, 3),
          .bx1 = b(i, 0),
          .by1 = b(i, 1),
          .bx2 = b(i, 2),
          .by2 = b(i, 3)};
}

}  // namespace

void complete_iou(const Array& a, const Array& b, const Out& y) {
  const Boxes first(a), second(b);
  const Result to(y);
  const std::int64_t step = y.array.strides()[0];
  each("complete_iou", a.shape(0),
       [=] JOIST_DEVICE(std::int64_t i) { to.put(i * step, scalar::value_of(overlap(first, second, i))); });
}

void complete_iou_backward(const Array& a, const Array& b, const Array& dy, const Out& da) {
  const Boxes first(a), second(b);
  const Floats slope(dy);
  const Result to(da);
  const std::int64_t step = dy.strides()[0], row = da.array.strides()[0], column = da.array.strides()[1];
  each("complete_iou_backward", a.shape(0), [=] JOIST_DEVICE(std::int64_t i) {
    const scalar::BoxSlopes<float> by = scalar::slopes_of(overlap(first, second, i), slope[i * step]);
    to.put(i * row, by.x1);
    to.put(i * row + column, by.y1);
    to.put(i * row + 2 * column, by.x2);
    to.put(i * row + 3 * column, by.y2);
  });
}

}  // namespace joist::cuda
