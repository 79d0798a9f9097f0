// Convolution.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/convolution.h>

#include <span>
#include <vector>

namespace joist {

/// x [batch, in, height, width], weight [out, in/groups, kernel_height, kernel_width], bias [out] or undefined.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvolutionOptions& options = {});

}  // namespace joist
