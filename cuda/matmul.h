// Matrix products of arrays on the GPU.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <string>

namespace joist::cuda {

/// As MatmulKernels::product. Arrays may have any strides; what the library cannot read as it lies is copied. a and b
/// have one floating type, y the same, or float32; the bias y's. `name` for messages.
void multiply(const char* name, const Array& a, const Array& b, const Array& bias, const Out& y);
/// A copy on the GPU, added or not.
void copy_elements(const Array& x, const Out& y);
/// x, or a row-major copy of it.
Array gapless(const Array& x);
/// Says, once for every kernel, that it is computed by products because cuDNN does not.
void say_by_products(const char* name, const std::string& why);

}  // namespace joist::cuda
