// Losses. This file: how many numbers become one; the others by what they judge.
//
// Functions named as in torch.nn.functional reduce as there: to the mean unless told otherwise. A training loop that
// accumulates steps of different sizes, or runs on several processes, needs the sum and the count instead: LossSum.
#pragma once

#include <joist/core/gradient.h>

namespace joist {

enum class Reduction : std::uint8_t {
  none,        ///< one number per element or row
  mean,        ///< their mean; with weights per class the sum divided by the sum of the weights
  sum,         ///< their sum
  batch_mean,  ///< the sum divided by the length of axis 0
};

/// Losses of elements or rows, reduced.
Tensor reduced(const Tensor& losses, Reduction reduction);

/// A loss before it is divided: sums and counts of accumulated steps and of several processes add up.
struct LossSum {
  Tensor sum{};      ///< [], with gradient
  double count = 0;  ///< elements, rows or sum of weights: what `sum` is to be divided by in the end
  Tensor mean() const;
};
/// The sum of all losses and how many there are.
LossSum loss_sum(const Tensor& losses);
/// Σ losses · weights and Σ weights; weights broadcast to the losses and get no gradient.
LossSum loss_sum(const Tensor& losses, const Tensor& weights);

}  // namespace joist

#include <joist/core/ops/loss_boxes.h>
#include <joist/core/ops/loss_classification.h>
#include <joist/core/ops/loss_margin.h>
#include <joist/core/ops/loss_metric.h>
#include <joist/core/ops/loss_overlap.h>
#include <joist/core/ops/loss_regression.h>
#include <joist/core/ops/loss_sequence.h>
