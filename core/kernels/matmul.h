// Matrix products.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

struct MatmulKernels {
  /// y [..., m, n] = a [..., m, k] · b [..., k, n] (+ bias [n]; undefined: none). Leading axes equal, or 1 in a or b.
  Kernel<void(const Array& a, const Array& b, const Array& bias, const Out& y)> product{"matmul"};
};

}  // namespace joist
