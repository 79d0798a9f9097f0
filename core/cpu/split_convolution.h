// Convolutions of float32 pictures by tiles of bfloat16 numbers (AMX) with float32's precision (split_tiles.h):
// products of [pixels, window] and [window, channels] that read their rows where the pixels lie, without a copy of each
// window. The weights' gradient stays with oneDNN: there windows have to be packed anew for few multiplications, which
// took 2.1 times as long for 32 channels and 0.87 times for 64 to 128.
#pragma once

#include <joist/core/kernels/convolution.h>

namespace joist::split_convolution {

/// Whether this convolution can go this way and is faster for it: x and y [batch, channel, height, width], w [out, in,
/// kernel_height, kernel_width].
bool pays(const Shape& x, const Shape& w, const Shape& y, Dtype dtype, const ConvolutionOptions& options);

/// x, y, dy, dx are dense with the channels innermost; w and bias dense row-major, bias possibly undefined; all
/// float32, and pays() holds.
void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y);
void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx);

}  // namespace joist::split_convolution
