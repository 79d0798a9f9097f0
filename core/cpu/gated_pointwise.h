// 1x1 convolutions of values that are multiplied, as they are read, by a gate per picture and channel. Arrays [batch,
// channel, height, width] are dense with the channels innermost here, gates [batch, channel, 1, 1] and weights dense
// row-major.
#pragma once

#include <joist/core/cpu/gradient_rows.h>

namespace joist::gated {

void forward(const Array& x, const Array& gates, const Array& w, const Array& y, ChannelSums* sums);
/// Undefined arrays: not wanted. dgates is overwritten.
void backward(const Array& x, const Array& gates, const Array& w, const GradientRows& dy, const Out& dx,
              const Array& dgates, const Out& dw);

}  // namespace joist::gated
