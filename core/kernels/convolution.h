// Convolution.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

/// One entry per spatial axis (two, or three for volumes).
struct ConvolutionOptions {
  Shape stride{1, 1};
  Shape padding{0, 0};  ///< zeros before and after
  Shape dilation{1, 1};
  std::int64_t groups = 1;
};

/// With three entries in the options the arrays have one more axis, depth, in front of height.
struct ConvolutionKernels {
  /// x [batch, in, height, width], w [out, in/groups, kernel_height, kernel_width], bias [out] or undefined,
  /// y [batch, out, height', width'].
  Kernel<void(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions&, const Out& y)> forward{
      "convolution"};
  Kernel<void(const Array& dy, const Array& w, const ConvolutionOptions&, const Out& dx)> backward_input{
      "convolution_backward_input"};
  /// db [out] or undefined array: not wanted.
  Kernel<void(const Array& x, const Array& dy, const ConvolutionOptions&, const Out& dw, const Out& db)>
      backward_weight{"convolution_backward_weight"};
};

}  // namespace joist
