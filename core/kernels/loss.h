// Losses with kernels of their own.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

struct CrossEntropyOptions {
  double label_smoothing = 0;
  std::int64_t ignore = -100;  ///< target value whose rows count nothing
};

struct LossKernels {
  /// logits [rows, classes], target int64 [rows] -> loss [rows] (0 where ignored). Targets outside [0, classes) were
  /// refused.
  Kernel<void(const Array& logits, const Array& target, const CrossEntropyOptions&, const Out& loss)> cross_entropy{
      "cross_entropy"};
  Kernel<void(const Array& logits, const Array& target, const Array& dloss, const CrossEntropyOptions&,
              const Out& dlogits)>
      cross_entropy_backward{"cross_entropy_backward"};
  /// Distribution focal loss (Li et al. 2020, "Generalized Focal Loss"): logits [rows, bins], target [rows] in
  /// [0, bins - 1) -> CE(floor) * (ceil - t) + CE(ceil) * (t - floor), [rows].
  Kernel<void(const Array& logits, const Array& target, const Out& loss)> distribution_focal{"distribution_focal"};
  Kernel<void(const Array& logits, const Array& target, const Array& dloss, const Out& dlogits)>
      distribution_focal_backward{"distribution_focal_backward"};
  /// Complete IoU (Zheng et al. 2020) of box rows (x1, y1, x2, y2): a [rows, 4], b [rows, 4] -> [rows].
  /// Denominators carry epsilon 1e-7; the aspect weight alpha is a constant for the gradient.
  Kernel<void(const Array& a, const Array& b, const Out& y)> complete_iou{"complete_iou"};
  /// Gradient of a only.
  Kernel<void(const Array& a, const Array& b, const Array& dy, const Out& da)> complete_iou_backward{
      "complete_iou_backward"};
  /// Connectionist temporal classification (Graves et al. 2006): log_probabilities [steps, batch, classes], targets
  /// int64 [batch, longest], lengths int64 [batch], all checked by the caller -> loss [batch], +inf where no path fits.
  /// alpha (float64 [batch, steps, 2 longest + 1]) keeps for backward the logarithm of what all paths that stand on a
  /// position of the target with blanks after a step have gathered.
  Kernel<void(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
              const Array& target_lengths, std::int64_t blank, const Out& loss, const Array& alpha)>
      ctc{"ctc_loss"};
  /// -dloss times the probability that a path is at the class after the step, which is the derivative. Where the loss is
  /// infinite NaN, or with zero_infinity 0.
  Kernel<void(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
              const Array& target_lengths, std::int64_t blank, bool zero_infinity, const Array& alpha,
              const Array& dloss, const Out& dlog_probabilities)>
      ctc_backward{"ctc_loss_backward"};
};

}  // namespace joist
