// Decoupled anchor-free head: per level one branch for box distributions and one for class scores.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/detection/anchor_boxes.h>

#include <optional>
#include <vector>

namespace joist {

/// What a detector predicts, over all levels: anchors are the cells of each level in row-major order, levels one after
/// the other. Distances (left, top, right, bottom) are in units of the anchor's stride.
struct Detections {
  /// Anchor centres in pixels and their strides, level by level.
  struct Anchor {
    float x, y, stride;
  };
  Tensor box_logits{};    // [batch, anchor, 4 · bins]
  Tensor class_logits{};  // [batch, anchor, class]
  std::vector<Anchor> anchors{};
  std::int64_t bins = 16;
  /// Detectors that move and stretch boxes (RetinaNet, SSD) have these instead of anchors and bins; box_logits is then
  /// [batch, anchor, 4].
  std::optional<AnchorBoxes> boxes{};
};

/// Boxes and scores as one tensor: [batch, 4 + classes, anchor]; rows x1, y1, x2, y2 in input pixels, then class
/// probabilities. Differentiable operations only, so that export sees them.
Tensor decode(const Detections& detections);

/// The mean of each distribution: logits [..., bins] -> [...].
Tensor expected_distances(const Tensor& logits);
/// The same with 0, 1, … bins - 1 as a vector of the logits' device, so that none is brought there.
Tensor expected_distances(const Tensor& logits, const Tensor& bins);

struct DetectionHeadOptions {
  Required<std::vector<std::int64_t>> in;  ///< channels of each level
  Required<std::int64_t> classes;
  std::int64_t bins = 16;                        ///< a distance is a distribution over 0 … bins - 1 strides
  std::vector<std::int64_t> strides{8, 16, 32};  ///< pixels per cell of each level
};

struct DetectionHead {
  /// Three layers of one branch at one level.
  struct Branch {
    Branch(std::int64_t in, std::int64_t middle, std::int64_t out)
        : first({.in = in, .out = middle}),
          second({.in = middle, .out = middle}),
          last({.in = middle, .out = out, .kernel = 1}) {}
    Tensor operator()(const Tensor& x) const { return last(second(first(x))); }
    auto fields() { return joist::fields("0", first, "1", second, "2", last); }
    ConvNorm first, second;
    Conv2d last;
  };

  explicit DetectionHead(const DetectionHeadOptions& options);
  /// One feature map per level. Throws ShapeError when their number or channels differ from the options.
  Detections operator()(const std::vector<Tensor>& features) const;
  auto fields() { return joist::fields("box", box, "cls", cls); }

  std::int64_t bins;
  std::vector<std::int64_t> strides;
  std::vector<Branch> box{}, cls{};
};

}  // namespace joist
