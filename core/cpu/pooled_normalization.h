// Batch normalization of values whose pictures' means are wanted too (squeeze and excitation). A picture is one
// thread's work. Arrays [batch, channel, height, width] are dense with the channels innermost here.
#pragma once

#include <joist/core/cpu/normalized_convolution.h>

namespace joist::normalized {

/// y, and the mean [batch, channel, 1, 1] over the pixels of each picture's channel.
void forward_pooled(const Input& input, const Array& y, const Array& mean);
/// The sums for batch_norm::finish_gradient() where the gradient of the result is dy + added, `added` [batch, channel].
batch_norm::Totals gradient_sums_pooled(const Input& input, const Array& dy, const Array& added);

}  // namespace joist::normalized
