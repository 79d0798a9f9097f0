// Cross entropy of rows of logits with the numbers of classes.
#pragma once

#include <joist/core/kernels/loss.h>
#include <joist/cuda/launch.h>

namespace joist::cuda {

/// The largest logit of a row and the logarithm of its softmax's denominator relative to that.
struct Denominator {
  float top, log_sum;
};

void cross_entropy(const Array& logits, const Array& target, const CrossEntropyOptions& options, const Out& loss);
void cross_entropy_backward(const Array& logits, const Array& target, const Array& dloss,
                            const CrossEntropyOptions& options, const Out& dlogits);

}  // namespace joist::cuda
