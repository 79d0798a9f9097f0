// Overlap of boxes as a loss; loss.cu fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

void complete_iou(const Array& a, const Array& b, const Out& y);
void complete_iou_backward(const Array& a, const Array& b, const Array& dy, const Out& da);

}  // namespace joist::cuda
