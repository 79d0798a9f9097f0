// Checks of indices that several op files share; each throws before any work is done.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/tensor.h>

namespace joist {

/// int64 and within [0, length): throws DtypeError or DataError "op: index 9 at [2, 1]".
void require_indices(const char* op, const Array& index, std::int64_t length, const Shape& input);
/// The same for [-length, length), with negative ones counted from the end.
Array wrapped_indices(const char* op, const Array& index, std::int64_t length, const Shape& input);

/// dx (0 elsewhere) = dy added at the positions `index` of an axis.
void place_along(const Array& dy, int axis, const Array& index, const Out& dx);

}  // namespace joist
