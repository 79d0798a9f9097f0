// Non-maximum suppression: lists of boxes in host memory, in double. No gradients.
#include <joist/core/ops/detection.h>
#include <joist/core/ops/dtype.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace joist {
namespace {

using Box = std::array<double, 4>;

std::vector<double> numbers(const Tensor& x) {
  const NoGradient off;
  const Tensor here = x.device().on_host() ? x : to(x, cpu);
  return to(here, Dtype::float64).value().to_vector<double>();
}

std::vector<Box> rows(const char* op, const Tensor& boxes, const Tensor& scores) {
  if (boxes.rank() != 2 || boxes.shape(1) != 4 || scores.shape() != Shape{boxes.shape(0)})
    throw ShapeError({.where = op,
                      .what = "boxes " + boxes.shape().text() + " and scores " + scores.shape().text(),
                      .expected = "boxes [n, 4] and scores [n]"});
  const std::vector<double> values = numbers(boxes);
  std::vector<Box> result(values.size() / 4);
  for (std::size_t i = 0; i < values.size(); ++i) result[i / 4][i % 4] = values[i];
  return result;
}

double area(const Box& box) { return (box[2] - box[0]) * (box[3] - box[1]); }

double intersection_over_union(const Box& a, const Box& b) {
  const double width = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0]));
  const double height = std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  return width * height / (area(a) + area(b) - width * height);
}

Tensor numbered(const std::vector<std::int64_t>& kept, const Tensor& like) {
  return Tensor(Array::from(kept, {static_cast<std::int64_t>(kept.size())}, like.device()));
}

// Best first; equal scores in the boxes' order.
std::vector<std::int64_t> order_of(const std::vector<double>& scores) {
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  return order;
}

template <class Compete>
Tensor suppress(const char* op, const Tensor& boxes, const Tensor& scores, double threshold, const Compete& compete) {
  const std::vector<Box> list = rows(op, boxes, scores);
  const std::vector<double> values = numbers(scores);
  for (const double score : values)
    if (std::isnan(score))
      throw DataError({.where = op, .what = "a score is NaN", .expected = "numbers", .remedy = "nan_to_num(scores)"});
  std::vector<std::int64_t> kept;
  for (const std::int64_t candidate : order_of(values)) {
    const auto i = static_cast<std::size_t>(candidate);
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::int64_t better) {
      const auto k = static_cast<std::size_t>(better);
      return compete(k, i) && intersection_over_union(list[k], list[i]) > threshold;
    });
    if (!covered) kept.push_back(candidate);
  }
  return numbered(kept, boxes);
}

}  // namespace

Tensor nms(const Tensor& boxes, const Tensor& scores, double iou_threshold) {
  return suppress("nms", boxes, scores, iou_threshold, [](std::size_t, std::size_t) { return true; });
}

Tensor batched_nms(const Tensor& boxes, const Tensor& scores, const Tensor& classes, double iou_threshold) {
  if (classes.shape() != scores.shape() || classes.dtype() != Dtype::int64)
    throw ShapeError({.where = "batched_nms",
                      .what = "classes " + classes.shape().text() + " of " + std::string(name_of(classes.dtype())) +
                              ", scores " + scores.shape().text(),
                      .expected = "int64 classes of the scores' shape"});
  const std::vector<double> of = numbers(classes);
  return suppress("batched_nms", boxes, scores, iou_threshold,
                  [&](std::size_t a, std::size_t b) { return of[a] == of[b]; });
}

SoftNms soft_nms(const Tensor& boxes, const Tensor& scores, const SoftNmsOptions& options) {
  if (!(options.sigma > 0))
    throw UsageError(
        {.where = "soft_nms", .what = "sigma " + std::to_string(options.sigma), .expected = "a number above 0"});
  const std::vector<Box> list = rows("soft_nms", boxes, scores);
  std::vector<double> now = numbers(scores);
  std::vector<std::int64_t> left = order_of(now), kept;
  std::vector<double> lowered;
  std::erase_if(left, [&](std::int64_t i) { return !(now[static_cast<std::size_t>(i)] > options.score_threshold); });
  while (!left.empty()) {
    const auto best = std::max_element(left.begin(), left.end(), [&](std::int64_t a, std::int64_t b) {
      return now[static_cast<std::size_t>(a)] < now[static_cast<std::size_t>(b)];
    });
    const auto chosen = static_cast<std::size_t>(*best);
    kept.push_back(*best);
    lowered.push_back(now[chosen]);
    left.erase(best);
    for (const std::int64_t other : left) {
      const auto i = static_cast<std::size_t>(other);
      const double iou = intersection_over_union(list[chosen], list[i]);
      if (options.decay == Decay::gaussian) now[i] *= std::exp(-iou * iou / options.sigma);
      if (options.decay == Decay::linear && iou > options.iou_threshold) now[i] *= 1 - iou;
    }
    std::erase_if(left, [&](std::int64_t i) { return !(now[static_cast<std::size_t>(i)] > options.score_threshold); });
  }
  const auto count = static_cast<std::int64_t>(lowered.size());
  return {numbered(kept, boxes), to(Tensor(Array::from(lowered, {count}, boxes.device())), scores.dtype())};
}

Tensor remove_small_boxes(const Tensor& boxes, double least) {
  if (boxes.rank() != 2 || boxes.shape(1) != 4)
    throw ShapeError(
        {.where = "remove_small_boxes", .what = "boxes of shape " + boxes.shape().text(), .expected = "[n, 4]"});
  const std::vector<double> values = numbers(boxes);
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i + 3 < values.size(); i += 4)
    if (values[i + 2] - values[i] >= least && values[i + 3] - values[i + 1] >= least)
      kept.push_back(static_cast<std::int64_t>(i / 4));
  return numbered(kept, boxes);
}

}  // namespace joist
