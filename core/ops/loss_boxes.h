// Losses of boxes (x1, y1, x2, y2) with x1 < x2 and y1 < y2: both [..., 4] of one shape -> [...]. Gradients reach both.
// Named and reduced as in torchvision.ops; denominators carry eps.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

namespace joist {

struct BoxLossOptions {
  double eps = 1e-7;
  Reduction reduction = Reduction::none;
};

/// 1 - intersection over union.
Tensor box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options = {});
/// 1 - IoU + the share of the enclosing box that neither fills (Rezatofighi et al. 2019).
Tensor generalized_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options = {});
/// 1 - IoU + squared distance of the centres over that of the enclosing box's corners (Zheng et al. 2020).
Tensor distance_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options = {});
/// That + alpha v, v the difference of the aspects; its weight alpha is a constant for the gradient (Zheng et al.
/// 2020).
Tensor complete_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options = {});
/// 1 - IoU + (distance + shape cost) / 2, the distance weighted by the angle between the centres (Gevorgyan 2022,
/// "SIoU Loss", theta 4).
Tensor scylla_box_iou_loss(const Tensor& a, const Tensor& b, const BoxLossOptions& options = {});

/// Box rows (x1, y1, x2, y2) [rows, 4] -> complete IoU [rows] in one pass; gradient for a only.
Tensor complete_iou(const Tensor& a, const Array& b);

}  // namespace joist
