// What functions return that find values and say where they were.
#pragma once

#include <joist/core/tensor.h>

namespace joist {

struct ValuesIndices {
  Tensor values{};   ///< gradients reach the elements that they came from
  Tensor indices{};  ///< int64
};

}  // namespace joist
