// With I the intersection, U the union, C the enclosing box, d the distance of the centres, c the diagonal of C:
//   IoU = I / U     GIoU = IoU - (C - U) / C     DIoU = IoU - d² / c²     CIoU = DIoU - α v
//   v = 4 / π² · (atan(w_b / h_b) - atan(w_a / h_a))²     α = v / (1 - IoU + v)
// SIoU = IoU - (Δ + Ω) / 2     Λ = sin 2φ = 2 |dx dy| / d²     Δ = Σ (1 - exp((Λ - 2) (d_k / c_k)²)) over x, y
//   Ω = Σ (1 - exp(-|s_a - s_b| / max(s_a, s_b)))⁴ over the sides s
// The formulas of the one-pass complete_iou stand in core/kernels/loss.h.
#include <joist/core/kernels/loss.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reshape.h>

#include <numbers>

namespace joist {
namespace {

struct Box {
  explicit Box(const Tensor& rows)
      : x1(side(rows, 0)), y1(side(rows, 1)), x2(side(rows, 2)), y2(side(rows, 3)), width(x2 - x1), height(y2 - y1) {}
  static Tensor side(const Tensor& rows, int k) { return reshape(slice(rows, -1, k, k + 1), rows.shape().without(-1)); }
  Tensor x1, y1, x2, y2, width, height;
};

struct Pair {
  Pair(const Tensor& first, const Tensor& second, double epsilon) : a(first), b(second), eps(epsilon) {
    const Tensor intersection = clamp_min(minimum(a.x2, b.x2) - maximum(a.x1, b.x1), 0) *
                                clamp_min(minimum(a.y2, b.y2) - maximum(a.y1, b.y1), 0);
    whole = a.width * a.height + b.width * b.height - intersection;
    iou = intersection / (whole + eps);
  }
  Tensor enclosing_width() const { return maximum(a.x2, b.x2) - minimum(a.x1, b.x1); }
  Tensor enclosing_height() const { return maximum(a.y2, b.y2) - minimum(a.y1, b.y1); }
  Tensor horizontal() const { return (b.x1 + b.x2 - a.x1 - a.x2) * 0.5; }
  Tensor vertical() const { return (b.y1 + b.y2 - a.y1 - a.y2) * 0.5; }
  Tensor distance_loss() const {
    const Tensor diagonal = square(enclosing_width()) + square(enclosing_height()) + eps;
    return 1.0 - iou + (square(horizontal()) + square(vertical())) / diagonal;
  }
  Box a, b;
  double eps;
  Tensor whole{}, iou{};
};

Pair pair_of(const char* op, const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  require_pair(op, a, b, "boxes");
  if (a.rank() < 1 || a.shape(-1) != 4)
    throw ShapeError({.where = op,
                      .what = "boxes " + a.shape().text(),
                      .expected = "[..., 4], each (x1, y1, x2, y2)",
                      .remedy = "convert centres and sizes first"});
  require_option(op, options.eps >= 0, "eps", options.eps, "0 or more");
  return {a, b, options.eps};
}

}  // namespace

Tensor box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  return reduced(1.0 - pair_of("box_iou_loss", a, b, options).iou, options.reduction);
}

Tensor generalized_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  const Pair pair = pair_of("generalized_box_iou_loss", a, b, options);
  const Tensor area = pair.enclosing_width() * pair.enclosing_height();
  return reduced(1.0 - pair.iou + (area - pair.whole) / (area + options.eps), options.reduction);
}

Tensor distance_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  return reduced(pair_of("distance_box_iou_loss", a, b, options).distance_loss(), options.reduction);
}

Tensor complete_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  const Pair pair = pair_of("complete_box_iou_loss", a, b, options);
  const Tensor angle = atan(pair.b.width / pair.b.height) - atan(pair.a.width / pair.a.height);
  const Tensor v = square(angle) * (4 / (std::numbers::pi * std::numbers::pi));
  const Tensor alpha = [&] {
    const NoGradient off;
    return v / (1.0 - pair.iou + v + options.eps);
  }();
  return reduced(pair.distance_loss() + alpha * v, options.reduction);
}

Tensor scylla_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options) {
  const Pair pair = pair_of("scylla_box_iou_loss", a, b, options);
  const double eps = options.eps;
  const Tensor dx = pair.horizontal(), dy = pair.vertical();
  const Tensor angle = abs(dx * dy) * 2.0 / (square(dx) + square(dy) + eps);
  const auto distance = [&](const Tensor& d, const Tensor& side) {
    return 1.0 - exp((angle - 2.0) * square(d / (side + eps)));
  };
  const auto shape = [&](const Tensor& p, const Tensor& q) {
    return square(square(1.0 - exp(-apply(AbsoluteDifference{}, p, q) / (maximum(p, q) + eps))));
  };
  const Tensor cost = distance(dx, pair.enclosing_width()) + distance(dy, pair.enclosing_height()) +
                      shape(pair.a.width, pair.b.width) + shape(pair.a.height, pair.b.height);
  return reduced(1.0 - pair.iou + cost * 0.5, options.reduction);
}

Tensor complete_iou(const Tensor& a, const Array& b) {
  if (a.rank() != 2 || a.shape(1) != 4 || b.shape() != a.shape())
    throw ShapeError({.where = "complete_iou",
                      .what = a.shape().text() + " and " + b.shape().text(),
                      .expected = "two arrays [rows, 4]"});
  const auto& table = kernels_of<LossKernels>(a.value());
  Array y = Array::empty({a.shape(0)}, a.dtype(), a.device());
  table.complete_iou(a.value(), b, {y, false});
  return record({Op::complete_iou}, {a}, std::move(y),
                [a = saved(a), b = saved(b), &table](const Array& dy, Node& node) {
                  table.complete_iou_backward(a, b, dy, node.slot(0));
                });
}

}  // namespace joist
