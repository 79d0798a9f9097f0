#include <joist/core/ops.h>
#include <joist/layers/detection/anchor_boxes.h>

#include <cmath>

namespace joist {
namespace {

// corners(row, column, sides): x1, y1, x2, y2.
template <class Corners>
Array anchors_of(const std::vector<AnchorLevel>& levels, const Corners& corners_of) {
  std::vector<float> corners;
  for (const AnchorLevel& level : levels)
    for (std::int64_t row = 0; row < level.rows; ++row)
      for (std::int64_t column = 0; column < level.columns; ++column)
        for (const auto& sides : level.sides) {
          const std::array<float, 4> box = corners_of(level, row, column, sides);
          corners.insert(corners.end(), box.begin(), box.end());
        }
  const auto count = static_cast<std::int64_t>(corners.size() / 4);
  return Array::from(corners, {count, 4});
}

}  // namespace

Array anchors_at_corners(const std::vector<AnchorLevel>& levels, std::int64_t height, std::int64_t width) {
  return anchors_of(levels, [&](const AnchorLevel& level, std::int64_t row, std::int64_t column, const auto& sides) {
    const auto x = static_cast<float>(column * (width / level.columns));
    const auto y = static_cast<float>(row * (height / level.rows));
    const auto& [wide, high] = sides;
    return std::array{x - wide / 2, y - high / 2, x + wide / 2, y + high / 2};
  });
}

Array anchors_at_centers(const std::vector<AnchorLevel>& levels, std::int64_t height, std::int64_t width) {
  const auto center = [](std::int64_t index, std::int64_t cells) {
    return (static_cast<float>(index) + 0.5F) / static_cast<float>(cells);
  };
  const auto across = static_cast<float>(width), down = static_cast<float>(height);
  return anchors_of(levels, [&](const AnchorLevel& level, std::int64_t row, std::int64_t column, const auto& sides) {
    const float x = center(column, level.columns), y = center(row, level.rows);
    const auto& [wide, high] = sides;
    return std::array{(x - 0.5F * wide) * across, (y - 0.5F * high) * down, (x + 0.5F * wide) * across,
                      (y + 0.5F * high) * down};
  });
}

Tensor per_anchor(const Tensor& predictions, std::int64_t columns) {
  return reshape(permute(predictions, {0, 2, 3, 1}), {predictions.shape(0), -1, columns});
}

Tensor decode_boxes(const Tensor& deltas, const AnchorBoxes& boxes) {
  constexpr double farthest = 1000.0 / 16;  // as the originals: no box grows by more
  const std::int64_t anchors = boxes.corners.shape(0);
  const auto* corner = boxes.corners.data<float>();
  std::vector<float> middles, sides, factors;
  for (std::int64_t i = 0; i < anchors; ++i, corner += 4) {
    const float width = corner[2] - corner[0], height = corner[3] - corner[1];
    middles.insert(middles.end(), {corner[0] + 0.5F * width, corner[1] + 0.5F * height});
    sides.insert(sides.end(), {width, height});
  }
  for (const double weight : boxes.weights) factors.push_back(static_cast<float>(1 / weight));
  const auto beside = [&](const std::vector<float>& values, const Shape& shape) {
    return Tensor(Array::from(values, shape, deltas.device()));
  };
  const Tensor scaled = deltas * beside(factors, {4}), side = beside(sides, {anchors, 2});
  const Tensor middle = slice(scaled, 2, 0, 2) * side + beside(middles, {anchors, 2});
  const Tensor half = exp(clamp(slice(scaled, 2, 2, 4), -1e9, std::log(farthest))) * side * 0.5;
  return concat({middle - half, middle + half}, 2);
}

Tensor class_scores(const Tensor& logits, const AnchorBoxes& boxes) {
  return boxes.background ? slice(softmax(logits, 2), 2, 1, logits.shape(2)) : sigmoid(logits);
}

}  // namespace joist
