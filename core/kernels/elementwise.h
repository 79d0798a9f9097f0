// Filling, copying and scalar functions.
#pragma once

#include <joist/core/elementwise.h>
#include <joist/core/kernels/kernel.h>

namespace joist {

struct ElementwiseKernels {
  Kernel<void(double value, const Array& y)> fill{"fill"};
  /// y = x, x broadcast to y's shape; dtypes may differ.
  Kernel<void(const Array& x, const Out& y)> copy{"copy"};
  Kernel<void(const Unary& f, const Array& x, const Out& y)> unary{"unary"};
  /// dx = dy * slope(x)
  Kernel<void(const Unary& f, const Array& x, const Array& dy, const Out& dx)> unary_backward{"unary_backward"};
  /// a and b broadcast to y's shape.
  Kernel<void(const Binary& f, const Array& a, const Array& b, const Out& y)> binary{"binary"};
  /// Gradient of operand 0 or 1: dy * slope summed over the axes along which that operand was broadcast.
  Kernel<void(const Binary& f, const Array& a, const Array& b, const Array& dy, int operand, const Out& dx)>
      binary_backward{"binary_backward"};
};

}  // namespace joist
