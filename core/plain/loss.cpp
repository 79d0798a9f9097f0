#include <joist/core/plain/plain.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace joist::plain {
namespace {

// Negative logarithm of the softmax of one row.
std::vector<double> surprise(const Array& logits, std::int64_t row) {
  const std::int64_t classes = logits.shape(1);
  std::vector<double> result(static_cast<std::size_t>(classes));
  double largest = at(logits, {row, 0}), sum = 0;
  for (std::int64_t k = 1; k < classes; ++k) largest = std::max(largest, at(logits, {row, k}));
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(at(logits, {row, k}) - largest);
  for (std::int64_t k = 0; k < classes; ++k)
    result[static_cast<std::size_t>(k)] = largest + std::log(sum) - at(logits, {row, k});
  return result;
}

// Each row's loss is the sum of weight * surprise over the classes, with weights that sum to 1 (or are all 0).
template <class Weight>
void weighted(const Array& logits, const Weight& weight, const Out& loss) {
  for (std::int64_t row = 0; row < logits.shape(0); ++row) {
    const auto surprises = surprise(logits, row);
    double sum = 0;
    for (std::int64_t k = 0; k < logits.shape(1); ++k)
      if (const double w = weight(row, k); w != 0) sum += w * surprises[static_cast<std::size_t>(k)];
    put(loss, {row}, sum);
  }
}
// d loss / d logit = probability * (sum of weights) - weight
template <class Weight>
void weighted_backward(const Array& logits, const Weight& weight, const Array& dloss, const Out& dlogits) {
  for (std::int64_t row = 0; row < logits.shape(0); ++row) {
    const auto surprises = surprise(logits, row);
    double weights = 0;
    for (std::int64_t k = 0; k < logits.shape(1); ++k) weights += weight(row, k);
    for (std::int64_t k = 0; k < logits.shape(1); ++k)
      put(dlogits, {row, k},
          at(dloss, {row}) * (std::exp(-surprises[static_cast<std::size_t>(k)]) * weights - weight(row, k)));
  }
}

auto smoothed(const Array& logits, const Array& target, const CrossEntropyOptions& options) {
  return [=, classes = static_cast<double>(logits.shape(1))](std::int64_t row, std::int64_t k) {
    const std::int64_t t = at<std::int64_t>(target, {row});
    if (t == options.ignore) return 0.0;
    return (k == t ? 1 - options.label_smoothing : 0) + options.label_smoothing / classes;
  };
}
void cross_entropy(const Array& logits, const Array& target, const CrossEntropyOptions& options, const Out& loss) {
  weighted(logits, smoothed(logits, target, options), loss);
}
void cross_entropy_backward(const Array& logits, const Array& target, const Array& dloss,
                            const CrossEntropyOptions& options, const Out& dlogits) {
  weighted_backward(logits, smoothed(logits, target, options), dloss, dlogits);
}

auto between_bins(const Array& target) {
  return [=](std::int64_t row, std::int64_t k) {
    const double t = at(target, {row}), low = std::floor(t);
    return static_cast<double>(k) == low ? low + 1 - t : static_cast<double>(k) == low + 1 ? t - low : 0.0;
  };
}
void distribution_focal(const Array& logits, const Array& target, const Out& loss) {
  weighted(logits, between_bins(target), loss);
}
void distribution_focal_backward(const Array& logits, const Array& target, const Array& dloss, const Out& dlogits) {
  weighted_backward(logits, between_bins(target), dloss, dlogits);
}

// A number with its derivatives by the four coordinates of box a, so that the formula below stands once and alone.
struct Dual {
  double value = 0;
  std::array<double, 4> slope{};
};
template <class Slope>
Dual dual(double value, Slope&& slope) {
  Dual result{value, {}};
  for (std::size_t k = 0; k < 4; ++k) result.slope[k] = slope(k);
  return result;
}
Dual constant(double value) { return {value, {}}; }
Dual operator+(const Dual& a, const Dual& b) {
  return dual(a.value + b.value, [&](std::size_t k) { return a.slope[k] + b.slope[k]; });
}
Dual operator-(const Dual& a, const Dual& b) {
  return dual(a.value - b.value, [&](std::size_t k) { return a.slope[k] - b.slope[k]; });
}
Dual operator*(const Dual& a, const Dual& b) {
  return dual(a.value * b.value, [&](std::size_t k) { return a.slope[k] * b.value + a.value * b.slope[k]; });
}
Dual operator/(const Dual& a, const Dual& b) {
  const double ratio = a.value / b.value;
  return dual(ratio, [&](std::size_t k) { return (a.slope[k] - ratio * b.slope[k]) / b.value; });
}
// At ties half the slope of each, as Maximum and Minimum of core/elementwise.h.
Dual maximum(const Dual& a, const Dual& b) {
  return a.value > b.value ? a : a.value < b.value ? b : constant(0.5) * (a + b);
}
Dual minimum(const Dual& a, const Dual& b) { return a + b - maximum(a, b); }
Dual positive_part(const Dual& a) { return a.value > 0 ? a : constant(0); }
Dual atan(const Dual& a) {
  return dual(std::atan(a.value), [&](std::size_t k) { return a.slope[k] / (1 + a.value * a.value); });
}

Dual complete_iou_of_row(const Array& a, const Array& b, std::int64_t row) {
  const Dual epsilon = constant(1e-7);
  const auto variable = [&](std::int64_t k) {
    return dual(at(a, {row, k}), [&](std::size_t j) { return j == static_cast<std::size_t>(k) ? 1.0 : 0.0; });
  };
  const Dual ax1 = variable(0), ay1 = variable(1), ax2 = variable(2), ay2 = variable(3);
  const Dual bx1 = constant(at(b, {row, 0})), by1 = constant(at(b, {row, 1}));
  const Dual bx2 = constant(at(b, {row, 2})), by2 = constant(at(b, {row, 3}));
  const Dual aw = ax2 - ax1, ah = ay2 - ay1, bw = bx2 - bx1, bh = by2 - by1;

  const Dual inter =
      positive_part(minimum(ax2, bx2) - maximum(ax1, bx1)) * positive_part(minimum(ay2, by2) - maximum(ay1, by1));
  const Dual iou = inter / (aw * ah + bw * bh - inter + epsilon);

  const Dual cw = maximum(ax2, bx2) - minimum(ax1, bx1), ch = maximum(ay2, by2) - minimum(ay1, by1);
  const Dual dx = bx1 + bx2 - ax1 - ax2, dy = by1 + by2 - ay1 - ay2;
  const Dual distance = constant(0.25) * (dx * dx + dy * dy) / (cw * cw + ch * ch + epsilon);

  const double pi = 3.14159265358979323846;
  const Dual angle = atan(bw / (bh + epsilon)) - atan(aw / (ah + epsilon));
  const Dual v = constant(4 / (pi * pi)) * angle * angle;
  const Dual alpha = constant(v.value / (1 - iou.value + v.value + 1e-7));
  return iou - distance - alpha * v;
}

void complete_iou(const Array& a, const Array& b, const Out& y) {
  for (std::int64_t row = 0; row < a.shape(0); ++row) put(y, {row}, complete_iou_of_row(a, b, row).value);
}
void complete_iou_backward(const Array& a, const Array& b, const Array& dy, const Out& da) {
  for (std::int64_t row = 0; row < a.shape(0); ++row) {
    const Dual result = complete_iou_of_row(a, b, row);
    for (std::int64_t k = 0; k < 4; ++k) put(da, {row, k}, at(dy, {row}) * result.slope[static_cast<std::size_t>(k)]);
  }
}

}  // namespace

void fill(LossKernels& kernels) {
  kernels.cross_entropy = cross_entropy;
  kernels.cross_entropy_backward = cross_entropy_backward;
  kernels.distribution_focal = distribution_focal;
  kernels.distribution_focal_backward = distribution_focal_backward;
  kernels.complete_iou = complete_iou;
  kernels.complete_iou_backward = complete_iou_backward;
  fill_ctc(kernels);
}

}  // namespace joist::plain
