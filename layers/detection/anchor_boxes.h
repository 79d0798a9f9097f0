// Boxes at every place of a feature map, which a detector moves, stretches and classifies.
#pragma once

#include <joist/core/gradient.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace joist {

/// The boxes of all levels, and how predictions refer to them.
struct AnchorBoxes {
  Array corners{};  ///< float32 [anchor, 4] on the host: x1, y1, x2, y2 in input pixels
  /// Predictions are the way from the box's center to the object's in sides of the box, and the logarithms of the
  /// sides' ratios, all times these (Girshick et al. 2014).
  std::array<double, 4> weights{1, 1, 1, 1};
  /// Classes are a softmax behind the background, [batch, anchor, 1 + classes] (SSD), else independent (RetinaNet).
  bool background = false;
};

/// Width and height of the boxes at each cell of a level, and the level's size.
struct AnchorLevel {
  std::vector<std::pair<float, float>> sides{};  ///< in pixels around corners, in shares of the picture around centers
  std::int64_t rows = 0, columns = 0;
};
/// Boxes around the cells' corners at multiples of the whole stride (RetinaNet), or around their centers (SSD);
/// levels one after the other, rows before columns before boxes of a cell. float32 [anchor, 4], to the last bit
/// torchvision's: boxes that tie for an object are chosen among as there.
Array anchors_at_corners(const std::vector<AnchorLevel>& levels, std::int64_t height, std::int64_t width);
Array anchors_at_centers(const std::vector<AnchorLevel>& levels, std::int64_t height, std::int64_t width);

/// A level's predictions [batch, boxes · columns, height, width] -> [batch, height · width · boxes, columns].
Tensor per_anchor(const Tensor& predictions, std::int64_t columns);

/// deltas [batch, anchor, 4] -> x1, y1, x2, y2 in input pixels.
Tensor decode_boxes(const Tensor& deltas, const AnchorBoxes& boxes);
/// Logits [batch, anchor, classes (with the background)] -> probabilities of the classes (without).
Tensor class_scores(const Tensor& logits, const AnchorBoxes& boxes);

}  // namespace joist
