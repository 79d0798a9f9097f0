// Products of doubles for the table of float64.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

/// The part of float64's table that is not float32's: matrix products.
void fill_double_matmul(Kernels& table);

}  // namespace joist
