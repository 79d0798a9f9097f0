// What core/picture_change.h asks for.
#pragma once

#include <joist/core/array.h>

namespace joist::cuda {

void change_pictures(const Array& pixels, const Array& changes, const Array& numbers);

}  // namespace joist::cuda
