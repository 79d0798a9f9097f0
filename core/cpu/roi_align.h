// Regions of interest; unfold.cpp fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

void roi_align(const Array& x, const Array& boxes, const RoiAlignOptions& options, const Out& y);
void roi_align_backward(const Array& dy, const Array& boxes, const RoiAlignOptions& options, const Out& dx);

}  // namespace joist
