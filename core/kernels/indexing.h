// Taking and placing elements by index.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

enum class Scatter : std::uint8_t { replace, add, multiply, maximum, minimum };

struct IndexingKernels {
  /// y [m, ...] = x[index[m], ...]; index int64, checked by the caller.
  Kernel<void(const Array& x, const Array& index, const Out& y)> take_rows{"take_rows"};
  /// dx[index[i], ...] += dy[i, ...] in ascending i. With accumulate false dx is zeroed first.
  Kernel<void(const Array& dy, const Array& index, const Out& dx)> take_rows_backward{"take_rows_backward"};
  /// y (index's shape) = x at the same place, but at position `index` (int64, checked by the caller) on `axis`
  /// (torch.gather).
  Kernel<void(const Array& x, int axis, const Array& index, const Out& y)> gather{"gather"};
  /// y[…, index, …] = y ∘ source[…], in ascending row-major order of the source; index has source's shape, which fits
  /// into y's on all other axes. y keeps what it holds elsewhere (torch.scatter, scatter_add, scatter_reduce).
  Kernel<void(Scatter, const Array& source, int axis, const Array& index, const Array& y)> scatter{"scatter"};
};

}  // namespace joist
