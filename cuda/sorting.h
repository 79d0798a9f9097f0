// The part of the table that is about order.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void fill_sorting(Kernels& table);

}  // namespace joist::cuda
