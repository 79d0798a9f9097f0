// Losses of overlapping regions: masks of segmentation.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

namespace joist {

struct DiceOptions {
  double smooth = 1;  ///< added above and below: two empty masks agree
  Reduction reduction = Reduction::mean;
};
/// 1 - (2 Σ p t + smooth) / (Σ p + Σ t + smooth) over the places of each channel: probabilities and target
/// [batch, channel, d1, …] -> [batch, channel] (Milletari et al. 2016). A target of one class number per pixel becomes
/// channels by smooth_labels(target, classes, 0) with its last axis moved to 1.
Tensor dice_loss(const Tensor& probabilities, const Tensor& target, const DiceOptions& options = {});

struct TverskyOptions {
  double alpha = 0.5;  ///< weight of what is predicted and not there
  double beta = 0.5;   ///< weight of what is there and not predicted
  double smooth = 1;
  double gamma = 1;  ///< the loss is raised to this power (focal Tversky)
  Reduction reduction = Reduction::mean;
};
/// 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth), shapes as dice_loss (Salehi et al. 2017).
Tensor tversky_loss(const Tensor& probabilities, const Tensor& target, const TverskyOptions& options = {});

}  // namespace joist
