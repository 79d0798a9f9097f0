// The rows of attention scores between the products (attention.cpp).
#pragma once

#include <joist/core/kernels/attention.h>
#include <joist/core/kernels/kernel.h>

namespace joist::cuda {

/// Some queries of some batches: scores and all that is written are [batches, heads, queries, keys], a part that begins
/// at `batch` and `query` of the whole.
struct ScoreRows {
  const AttentionOptions& options;
  const AttentionArguments& arguments;
  std::int64_t batch = 0, query = 0;
};
/// weights = kept · softmax of the masked scores, which hold q·k as float32; log_sum as AttentionKernels::forward.
void softmax_scores(const ScoreRows& rows, const Array& scores, const Array& weights, const Array& log_sum);
/// weights = kept · weight, and slopes = scale · the scores' gradient, from dweights = dy · vᵀ; dmask without the
/// scale, undefined: not wanted.
void softmax_scores_backward(const ScoreRows& rows, const Array& scores, const Array& dweights, const Array& log_sum,
                             const Array& weights, const Array& slopes, const Out& dmask);

}  // namespace joist::cuda
