// Losses with a margin. Targets of 1 and -1 may be integers or floating.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

namespace joist {

/// input where target is 1, max(0, margin - input) where it is -1.
Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, double margin = 1,
                            Reduction reduction = Reduction::mean);
/// log(1 + exp(-target · input)), target 1 or -1.
Tensor soft_margin_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// max(0, margin - target (a - b)), target 1 (a shall be larger) or -1. Shapes broadcast.
Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target, double margin = 0,
                           Reduction reduction = Reduction::mean);

struct MultiMarginOptions {
  double p = 1;  ///< 1 or 2
  double margin = 1;
  Tensor weight{};  ///< [classes]: factor of each target class; undefined: 1
  Reduction reduction = Reduction::mean;
};
/// Σ max(0, margin - input[target] + input[i])^p over the other classes i, divided by their number + 1:
/// input [batch, classes] or [classes], target int64 [batch] or [] -> [batch] or [].
Tensor multi_margin_loss(const Tensor& input, const Tensor& target, const MultiMarginOptions& options = {});
/// Σ max(0, 1 - (input[j] - input[i])) / classes over the targets j and the classes i that are none. target int64 of
/// the input's shape [batch, classes] or [classes]: class numbers, ended by the first negative one.
Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// Mean of the binary cross entropy of logits over the last axis; weight broadcasts to the input.
Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target, const Tensor& weight = {},
                                   Reduction reduction = Reduction::mean);

}  // namespace joist
