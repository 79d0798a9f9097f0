// Smooth resizing's part of the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void fill_resample(Kernels& table);

}  // namespace joist::cuda
