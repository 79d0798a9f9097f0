#include <joist/core/transfer.h>
#include <joist/layers/detection/suppress.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

constexpr std::size_t most_candidates = 30000;  // as in common practice: bounds the quadratic work on untrained models

float intersection_over_union(const DetectedBox& a, const DetectedBox& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const float inter = width * height;
  const float areas = (a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1);
  return inter / (areas - inter);
}

// Best first; equal scores keep the order of anchors.
void keep_best(std::vector<DetectedBox>& boxes, const SuppressOptions& options) {
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const DetectedBox& a, const DetectedBox& b) { return a.score > b.score; });
  if (boxes.size() > most_candidates) boxes.resize(most_candidates);
  std::vector<DetectedBox> kept;
  for (const DetectedBox& box : boxes) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const DetectedBox& better) {
      return better.category == box.category &&
             intersection_over_union(better, box) > static_cast<float>(options.overlap);
    });
    if (covered) continue;
    kept.push_back(box);
    if (kept.size() == static_cast<std::size_t>(options.most)) break;
  }
  boxes = std::move(kept);
}

}  // namespace

std::vector<std::vector<DetectedBox>> suppress(const Array& predictions, const SuppressOptions& options) {
  const Array decoded = on_host(predictions);
  if (decoded.rank() != 3 || decoded.shape(1) < 5)
    throw ShapeError({.where = "suppress",
                      .what = "predictions of shape " + decoded.shape().text(),
                      .expected = "[batch, 4 + classes, anchor] with at least one class",
                      .remedy = "decode() makes them"});
  if (decoded.dtype() != Dtype::float32)
    throw DtypeError({.where = "suppress",
                      .what = "predictions of " + std::string(name_of(decoded.dtype())),
                      .expected = "float32",
                      .remedy = "to(x, Dtype::float32)"});
  if (options.most < 1)
    throw UsageError({.where = "suppress",
                      .what = "most " + std::to_string(options.most),
                      .expected = "a number of boxes, 1 or more",
                      .remedy = "300 is usual"});
  const std::int64_t classes = decoded.shape(1) - 4, anchors = decoded.shape(2);
  const std::int64_t channel_step = decoded.strides()[1], anchor_step = decoded.strides()[2];
  const auto threshold = static_cast<float>(options.confidence);
  std::vector<std::vector<DetectedBox>> result;
  for (std::int64_t picture = 0; picture < decoded.shape(0); ++picture) {
    const float* values = decoded.data<float>() + picture * decoded.strides()[0];
    std::vector<DetectedBox> boxes;
    for (std::int64_t anchor = 0; anchor < anchors; ++anchor) {
      const float* row = values + anchor * anchor_step;
      const auto score = [&](std::int64_t category) { return row[(4 + category) * channel_step]; };
      DetectedBox box{row[0], row[channel_step], row[2 * channel_step], row[3 * channel_step], 0, 0};
      const bool finite =
          std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) && std::isfinite(box.y2);
      if (!finite) continue;
      std::int64_t best = 0;
      for (std::int64_t category = 0; category < classes; ++category) {
        if (score(category) > score(best)) best = category;
        if (!options.several_classes || !(score(category) > threshold)) continue;
        box.score = score(category);
        box.category = category;
        boxes.push_back(box);
      }
      if (options.several_classes || !(score(best) > threshold)) continue;
      box.score = score(best);
      box.category = best;
      boxes.push_back(box);
    }
    keep_best(boxes, options);
    result.push_back(std::move(boxes));
  }
  return result;
}

}  // namespace joist
