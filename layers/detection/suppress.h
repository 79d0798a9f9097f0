// From dense predictions to a list of boxes: threshold and class-aware non-maximum suppression.
#pragma once

#include <joist/core/array.h>

#include <cstdint>
#include <vector>

namespace joist {

struct DetectedBox {
  float x1, y1, x2, y2;  ///< pixels of the network's input
  float score;
  std::int64_t category;
};

struct SuppressOptions {
  double confidence = 0.25;  ///< boxes below are dropped (0.001 for evaluation)
  double overlap = 0.6;      ///< of two boxes of one class with a larger IoU only the better one stays
  int most = 300;            ///< boxes per picture
  bool several_classes =
      false;  ///< a box may count for every class above the confidence (evaluation), not only the best
};

/// decoded [batch, 4 + classes, anchor] as decode() gives it -> boxes of each picture, best first. Non-finite boxes are
/// dropped.
std::vector<std::vector<DetectedBox>> suppress(const Array& decoded, const SuppressOptions& options = {});

}  // namespace joist
