// Regions of interest; windows.cu fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void roi_align(const Array& x, const Array& boxes, const RoiAlignOptions& options, const Out& y);
void roi_align_backward(const Array& dy, const Array& boxes, const RoiAlignOptions& options, const Out& dx);

}  // namespace joist::cuda
