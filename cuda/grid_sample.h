// Sampling at the points of a grid; resample.cu fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void grid_sample(const Array& x, const Array& grid, const GridSampleOptions& options, const Out& y);
void grid_sample_backward(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions& options,
                          const Out& dx, const Out& dgrid);

}  // namespace joist::cuda
