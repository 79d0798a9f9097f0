// Products along an axis.
#pragma once

#include <joist/core/kernels/reduction.h>

namespace joist {

/// float32, float64, or integers and bool into int64.
void product(const Array& x, int axis, const Out& out);
void product_backward(const Array& x, const Array& dy, int axis, const Out& out);

}  // namespace joist
