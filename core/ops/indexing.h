// Taking and placing elements by index.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

/// Rows of axis 0: [rows, ...] and int64 index [m] -> [m, ...]. Throws DataError for an index out of range.
Tensor index_select(const Tensor& x, const Array& index);

}  // namespace joist
