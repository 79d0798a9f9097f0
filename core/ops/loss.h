// Losses.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/loss.h>

#include <span>
#include <vector>

namespace joist {

/// logits [rows, classes], target int64 [rows] -> loss of each row [rows], 0 where the target is options.ignore.
Tensor cross_entropy(const Tensor& logits, const Array& target, const CrossEntropyOptions& options = {});
/// Elementwise, target in [0, 1], same shape, no reduction.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target);
/// logits [rows, bins], target [rows] in [0, bins - 1) -> [rows].
Tensor distribution_focal_loss(const Tensor& logits, const Array& target);
/// Box rows (x1, y1, x2, y2) [rows, 4] -> complete IoU [rows]; gradient for a only.
Tensor complete_iou(const Tensor& a, const Array& b);

}  // namespace joist
