// Convolutions of 3x3 pixels at stride 1 by Winograd's minimal filtering (Lavin and Gray 2016): F(4x4, 3x3) takes 36
// multiplications for 4x4 results instead of 144, F(2x2, 3x3) 16 for 2x2 instead of 36, as products of matrices that
// the cache holds. The error stays within 4 times the direct sum's (tests/core/cpu/winograd_test.cpp), which for the
// larger depends on its points: winograd_transforms-inl.h.
#pragma once

#include <joist/core/kernels/convolution.h>

namespace joist::winograd {

/// Whether this convolution can go this way and is faster for it: x and y [batch, channel, height, width], w [out, in,
/// 3, 3].
bool pays(const Shape& x, const Shape& w, const Shape& y, Dtype dtype, const ConvolutionOptions& options);

/// x, y, dy, dx are dense with the channels innermost; w, bias and dw dense row-major, bias possibly undefined; all
/// float32, and pays() holds.
void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y);
void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx);
void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw);

}  // namespace joist::winograd
