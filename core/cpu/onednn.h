// oneDNN behind plain functions over Arrays: only onednn.cpp knows its interface. What is multiplied is float32, or
// bfloat16 with results (and biases) in bfloat16 or float32; all lies in host memory and nothing is empty; the callers
// in convolution.cpp and matmul.cpp see to that.
//
// Primitives are made once per shape and kept (per thread, the 1024 used last); their scratch memory comes from joist's
// allocator. A call with a known shape costs one hash lookup. What oneDNN reports is thrown as InternalError naming
// the operation, the shapes and the status, or as EnvironmentError when memory ran out.
#pragma once

#include <joist/core/kernels.h>

namespace joist::onednn {

/// x, y, dx, dy are dense with the channels innermost, of rank 4 or 5; w, bias, dw, db dense row-major, bias and db
/// possibly undefined.
void convolution(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y);
void convolution_backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Array& dx);
void convolution_backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw,
                                 const Array& db);

/// Equal ranks from 2. The last or last but one axis of a and of b, and the last axis of y, have stride 1; no stride is
/// 0; bias is dense or undefined.
void matmul(const Array& a, const Array& b, const Array& bias, const Out& y);

/// Whether this CPU multiplies bfloat16 numbers (AVX-512 BF16, AMX): else they go by way of float32.
bool has_bfloat16();
/// Whether it multiplies tiles of them (AMX), and the operating system lets this process.
bool has_bfloat16_tiles();

}  // namespace joist::onednn
