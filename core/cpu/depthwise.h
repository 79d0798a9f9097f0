// The weights' gradient of depthwise convolutions with kernels beyond 3x3, for which oneDNN 2.6 has only slow loops;
// what else there is of depthwise convolutions it computes as fast as the memory delivers.
#pragma once

#include <joist/core/kernels/convolution.h>

namespace joist::depthwise {

/// Whether this convolution is one of them: x [batch, channel, height, width], w [channel, 1, kernel_height,
/// kernel_width].
bool pays(const Shape& x, const Shape& w, Dtype dtype, const ConvolutionOptions& options);

/// x and dy are dense with the channels innermost, dw dense row-major; all float32, and pays() holds.
void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw);

/// A row of windows over pixels that lie `block` floats apart, for the channels of one block.
struct RowGradient {
  const float* const* pixels;  // per tap: the one that meets it in the first window
  std::int64_t taps, windows;
  std::int64_t step;  // floats from window to window
  std::int64_t channels;
  const float* dy;
  std::int64_t dy_step;
  float* sums;  // [tap, channel of the block]; added to
  std::int64_t sums_step;
};

void add_row(const RowGradient& row);

}  // namespace joist::depthwise
