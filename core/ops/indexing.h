// Taking and placing elements by index. Indices are int64; those out of range throw DataError before any work. Where
// PyTorch counts negative indices from the end, so does the function here, and says so.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

// ---- whole slices of one axis; index is a vector [m] ----------------------------------------------------------------
/// Rows of axis 0: [rows, ...] and index [m] -> [m, ...].
Tensor index_select(const Tensor& x, const Array& index);
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
/// x with alpha · source[…, i, …] added at position index[i] of the axis; positions that stand twice add up.
Tensor index_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source, double alpha = 1);
/// x with source[…, i, …] in place of position index[i]; of positions that stand twice the last one counts.
Tensor index_copy(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
/// x with `value` at the positions; negative ones count from the end.
Tensor index_fill(const Tensor& x, int axis, const Tensor& index, double value);

// ---- an index for every element -------------------------------------------------------------------------------------
/// y (index's shape) = x at the same place, but at position `index` on the axis. index is no longer than x on all other
/// axes.
Tensor gather(const Tensor& x, int axis, const Tensor& index);
/// x with source at the positions `index` of the axis; of several the last one counts. index is no longer than source,
/// and on all other axes no longer than x.
Tensor scatter(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& x, int axis, const Tensor& index, double value);
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source);

enum class ScatterReduction { sum, prod, mean, amax, amin };
/// x combined with all of source that goes to the same element. Without include_self x's elements count only where
/// nothing goes. amax and amin share the gradient evenly among equals.
Tensor scatter_reduce(const Tensor& x, int axis, const Tensor& index, const Tensor& source, ScatterReduction reduce,
                      bool include_self = true);

/// Elements of the flattened tensor (index's shape); negative indices count from the end.
Tensor take(const Tensor& x, const Tensor& index);
/// x with source at places of the flattened tensor, or added there; negative indices count from the end.
Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate = false);
/// gather() with x and index broadcast against each other on the other axes; negative indices count from the end.
Tensor take_along_dim(const Tensor& x, const Tensor& index, int axis);

// ---- several axes at once -------------------------------------------------------------------------------------------
/// x[i0, i1, …]: the indices broadcast against each other and stand for the first axes; negative ones count from the
/// end. A bool mask stands for as many axes as it has.
Tensor index(const Tensor& x, std::span<const Tensor> indices);
inline Tensor index(const Tensor& x, std::initializer_list<Tensor> indices) {
  return index(x, std::span(indices.begin(), indices.size()));
}
/// x with values (broadcast) there, or added there.
Tensor index_put(const Tensor& x, std::span<const Tensor> indices, const Tensor& values, bool accumulate = false);
inline Tensor index_put(const Tensor& x, std::initializer_list<Tensor> indices, const Tensor& values,
                        bool accumulate = false) {
  return index_put(x, std::span(indices.begin(), indices.size()), values, accumulate);
}

// ---- masks (bool, broadcast) ----------------------------------------------------------------------------------------
/// The elements where the mask is true, in row-major order, as a vector.
Tensor masked_select(const Tensor& x, const Tensor& mask);
/// x with the first elements of source, in order, where the mask is true.
Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source);
/// x with a number held by a tensor of one element where the mask is true; its gradient is the sum there.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
/// Indices of the elements that are not 0, in row-major order: [count, rank].
Tensor nonzero(const Tensor& x);
Tensor argwhere(const Tensor& x);
/// The same, one vector [count] per axis.
std::vector<Tensor> nonzero_columns(const Tensor& x);

}  // namespace joist
