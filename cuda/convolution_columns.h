// Convolutions by cuBLASLt: what the library of convolutions does not compute.
#pragma once

#include <joist/core/kernels/convolution.h>

namespace joist::cuda::by_columns {

/// As ConvolutionKernels; arrays may have any strides. What is written may be float32 where the operands are of 16
/// bits.
void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y);
void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx);
void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw);

}  // namespace joist::cuda::by_columns

namespace joist::cuda {
/// A vector [channels] as [1, channels, 1, ...].
Array per_channel(const Array& vector, int rank);
}  // namespace joist::cuda
