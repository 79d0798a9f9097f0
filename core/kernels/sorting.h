// Order: sorting, searching, counting. No gradients of their own.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

struct SortingKernels {
  /// Stable sort along the axis: y sorted, index (int64) where each element came from. NaN counts as the largest.
  Kernel<void(const Array& x, int axis, bool descending, const Array& y, const Array& index)> sort{"sort"};
  /// index (int64) = position in the ascending sequence [..., n] before which each value [..., m] belongs: the first
  /// such, or with `right` the last. Leading axes equal, or the sequence has rank 1.
  Kernel<void(const Array& sequence, const Array& values, bool right, const Array& index)> search{"searchsorted"};
  /// count (int64 [bins]) += 1 at each value of x (int64, checked by the caller); weights (x's shape, or undefined) are
  /// added instead, then count is floating.
  Kernel<void(const Array& x, const Array& weights, const Array& count)> count{"bincount"};
};

}  // namespace joist
