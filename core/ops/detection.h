// Functions of boxes, named as in torchvision.ops. Boxes are rows (x1, y1, x2, y2) unless said otherwise.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/windows.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// Regions of x [batch, channel, height, width] averaged to [regions, channel, options.height, options.width] at
/// sampling points between pixels (He et al. 2017). boxes [regions, 5]: picture's number in the batch, box. Boxes get
/// no gradient.
Tensor roi_align(const Tensor& x, const Tensor& boxes, const RoiAlignOptions& options);
/// The maximum over each bin of whole pixels (Girshick 2015); spatial_scale from box to pixels.
Tensor roi_pool(const Tensor& x, const Tensor& boxes, std::int64_t height, std::int64_t width,
                double spatial_scale = 1);

/// (x2 - x1) · (y2 - y1): [n, 4] -> [n].
Tensor box_area(const Tensor& boxes);
/// Intersection over union of all pairs: [n, 4], [m, 4] -> [n, m].
Tensor box_iou(const Tensor& a, const Tensor& b);
/// Generalized (Rezatofighi et al. 2019): iou - (hull - union) / hull.
Tensor generalized_box_iou(const Tensor& a, const Tensor& b);
enum class BoxFormat : std::uint8_t {
  xyxy,   ///< corners
  xywh,   ///< corner, sizes
  cxcywh  ///< center, sizes
};
/// boxes [..., 4].
Tensor box_convert(const Tensor& boxes, BoxFormat from, BoxFormat to);
/// boxes [..., 4] cut to 0 … width and 0 … height.
Tensor clip_boxes_to_image(const Tensor& boxes, std::int64_t height, std::int64_t width);
/// int64 numbers of the boxes [n, 4] of at least this width and height.
Tensor remove_small_boxes(const Tensor& boxes, double least);

/// int64 numbers of the boxes that stay, best first: of two whose IoU is above the threshold only the better scored.
Tensor nms(const Tensor& boxes, const Tensor& scores, double iou_threshold);
/// Boxes compete only within their class (int64 [n]).
Tensor batched_nms(const Tensor& boxes, const Tensor& scores, const Tensor& classes, double iou_threshold);
/// Instead of dropping overlapping boxes their scores are lowered (Bodla et al. 2017): linear by 1 - IoU above the
/// threshold, gaussian by exp(-IoU² / sigma).
enum class Decay : std::uint8_t { linear, gaussian };
struct SoftNmsOptions {
  Decay decay = Decay::gaussian;
  double iou_threshold = 0.3;     ///< linear
  double sigma = 0.5;             ///< gaussian
  double score_threshold = 1e-3;  ///< boxes whose score falls to this or below are dropped
};
struct SoftNms {
  Tensor keep;    ///< int64 numbers, best first
  Tensor scores;  ///< lowered, in that order
};
SoftNms soft_nms(const Tensor& boxes, const Tensor& scores, const SoftNmsOptions& options = {});

}  // namespace joist
