// Taking and placing single elements.
#pragma once

#include <joist/core/kernels/indexing.h>

namespace joist {

void gather(const Array& x, int axis, const Array& index, const Out& out);
void scatter(Scatter how, const Array& source, int axis, const Array& index, const Array& y);

}  // namespace joist
