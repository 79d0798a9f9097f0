// Which anchors learn which object: task-aligned assignment (Feng et al. 2021, "TOOD").
#pragma once

#include <joist/layers/detection/head.h>

#include <cstdint>
#include <span>
#include <vector>

namespace joist {

/// An object of the truth: pixels of the network's input.
struct TrueBox {
  float x1, y1, x2, y2;
  std::int64_t category;
};

struct AssignOptions {
  int top = 10;          ///< anchors per object
  double alpha = 0.5;    ///< exponent of the class probability
  double beta = 6.0;     ///< exponent of the overlap
  float small_side = 8;  ///< object sides below this …
  float widened_to =
      16;  ///< … count as this long when anchors inside are looked for (0: off); tiny objects get anchors too
};

/// An anchor that learns an object.
struct Assignment {
  std::int64_t anchor;  ///< in its picture
  std::int64_t object;  ///< in its picture
  float score;          ///< target class score: alignment scaled to the object's best overlap
};

/// For one picture. distances [anchor, 4]: left, top, right, bottom of the predicted boxes in strides; class_logits
/// [anchor, class]; both row-major. Ascending by anchor.
std::vector<Assignment> assign(const float* distances, const float* class_logits, std::int64_t classes,
                               std::span<const Detections::Anchor> anchors, std::span<const TrueBox> objects,
                               const AssignOptions& options = {});

}  // namespace joist
