// The second half of the resize family.
#pragma once

#include <joist/core/plain/plain.h>

namespace joist::plain {

void fill_resample(ResizeKernels&);

}  // namespace joist::plain
