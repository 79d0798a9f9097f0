// Softmax and its relatives. Each works along one axis, whose numbers afterwards sum to 1.
#pragma once

#include <joist/core/gradient.h>

namespace joist {

Tensor softmax(const Tensor& x, int axis);
Tensor log_softmax(const Tensor& x, int axis);
/// softmax(-x)
Tensor softmin(const Tensor& x, int axis);
/// Over the channels of every place: [channel, height, width] or [batch, channel, height, width].
Tensor softmax_2d(const Tensor& x);
/// The nearest point of the probability simplex: most results are exactly 0 (Martins & Astudillo 2016). A line that
/// holds NaN becomes NaN.
Tensor sparsemax(const Tensor& x, int axis);
/// softmax((logits + g) / temperature) with standard Gumbel noise g from the thread's random numbers: a draw from the
/// classes that has a gradient (Jang et al. 2017). hard: one 1 among zeros, with the gradient of the soft draw.
/// Throws UsageError unless temperature > 0.
Tensor gumbel_softmax(const Tensor& logits, double temperature = 1, bool hard = false, int axis = -1);

}  // namespace joist
