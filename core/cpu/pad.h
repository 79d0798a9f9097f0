// Padding of any rank, mode and element type; unfold.cpp fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

void pad(const Array& x, const PadOptions& options, const Out& y);
void pad_backward(const Array& dy, const PadOptions& options, const Out& dx);

}  // namespace joist
