// Losses of sequences.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

namespace joist {

struct CtcOptions {
  std::int64_t blank = 0;
  bool zero_infinity = false;             ///< 0 instead of infinity, and no gradient, where no path fits
  Reduction reduction = Reduction::mean;  ///< mean: each loss divided by its target's length first
};
/// torch.nn.functional.ctc_loss (Graves et al. 2006): log_probabilities [steps, batch, classes] from log_softmax,
/// targets int64 [batch, longest], or all targets one after the other [Σ target_lengths]; input_lengths and
/// target_lengths int64 [batch]. Also one sequence: [steps, classes], [longest], [], []. Infinity where a target does
/// not fit into its steps (repeated labels need a blank between them). The gradient is the derivative; PyTorch's has
/// exp(log_probabilities) added, which log_softmax's backward takes off. Throws DataError for lengths out of range, and
/// for labels that are blank or no class.
Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options = {});

}  // namespace joist
