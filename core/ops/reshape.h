// Views and rearrangements.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

// ---- another shape over the same elements ---------------------------------------------------------------------------
/// A view where strides allow, else a copy in logical (PyTorch) order. One length may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Like reshape, but never copies: throws ShapeError where strides do not allow it.
Tensor view(const Tensor& x, const Shape& shape);
/// Merges axes first … last (inclusive).
Tensor flatten(const Tensor& x, int first = 1, int last = -1);
/// All elements as a vector.
Tensor ravel(const Tensor& x);
/// Splits one axis into several; one length may be -1.
Tensor unflatten(const Tensor& x, int axis, const Shape& lengths);
/// Drops all axes of length 1, or the given ones where they have length 1.
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int axis);
Tensor squeeze(const Tensor& x, std::span<const int> axes);
/// A new axis of length 1 in front of `axis` (negative: counted from the end of the result).
Tensor unsqueeze(const Tensor& x, int axis);
/// Broadcast without memory of its own; -1 keeps a length.
Tensor expand(const Tensor& x, const Shape& shape);
Tensor expand_as(const Tensor& x, const Tensor& other);
inline Tensor broadcast_to(const Tensor& x, const Shape& shape) { return expand(x, shape); }
/// All tensors expanded to their common shape.
std::vector<Tensor> broadcast_tensors(std::span<const Tensor> tensors);

// ---- another order of axes ------------------------------------------------------------------------------------------
Tensor permute(const Tensor& x, std::span<const int> axes);
inline Tensor permute(const Tensor& x, std::initializer_list<int> axes) {
  return permute(x, std::span(axes.begin(), axes.size()));
}
Tensor transpose(const Tensor& x, int a, int b);
inline Tensor swapaxes(const Tensor& x, int a, int b) { return transpose(x, a, b); }
/// Axes `from` move to the places `to`, the others keep their order.
Tensor movedim(const Tensor& x, std::span<const int> from, std::span<const int> to);
Tensor movedim(const Tensor& x, int from, int to);
/// A matrix with rows and columns exchanged; vectors and single numbers stay.
Tensor t(const Tensor& x);
/// Dense memory in the given order; no work when it is so already.
Tensor contiguous(const Tensor& x, Order order = Order::row_major);

// ---- parts ----------------------------------------------------------------------------------------------------------
/// Elements start, start + step, … < stop of an axis; negative start and stop count from the end.
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1);
/// `length` elements from `start`; a negative start counts from the end.
Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t length);
/// One position of an axis, which is dropped; a negative index counts from the end. Throws DataError out of range.
Tensor select(const Tensor& x, int axis, std::int64_t index);
/// All positions of an axis.
std::vector<Tensor> unbind(const Tensor& x, int axis = 0);
std::vector<Tensor> chunk(const Tensor& x, int chunks, int axis = 0);
/// Parts of `size` (the last may be shorter), or of the given sizes, which add up to the axis.
std::vector<Tensor> split(const Tensor& x, std::int64_t size, int axis = 0);
std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> sizes, int axis = 0);
/// `sections` parts, the first ones longer by one where the length does not divide; or cut before the given indices.
std::vector<Tensor> tensor_split(const Tensor& x, int sections, int axis = 0);
std::vector<Tensor> tensor_split(const Tensor& x, std::span<const std::int64_t> indices, int axis = 0);
/// Windows of `size` every `step` elements along an axis (torch.Tensor.unfold): the axis counts the windows, a new
/// last axis runs through them.
Tensor unfold_axis(const Tensor& x, int axis, std::int64_t size, std::int64_t step);
/// The elements x[…, i, …, i + offset, …] as the last axis.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0, int axis1 = 0, int axis2 = 1);
/// Of a vector the matrix with that diagonal, of a matrix its diagonal.
Tensor diag(const Tensor& x, std::int64_t offset = 0);
/// Matrices with the last axis of x on their diagonal, zeros elsewhere.
Tensor diag_embed(const Tensor& x, std::int64_t offset = 0, int axis1 = -2, int axis2 = -1);
/// The lower (upper) triangle of the last two axes: zeros above (below) the given diagonal.
Tensor tril(const Tensor& x, std::int64_t diagonal = 0);
Tensor triu(const Tensor& x, std::int64_t diagonal = 0);

// ---- joining --------------------------------------------------------------------------------------------------------
/// Tensors of different element types are promoted to a common one.
Tensor concat(std::span<const Tensor> tensors, int axis = 0);
inline Tensor concat(std::initializer_list<Tensor> tensors, int axis = 0) {
  return concat(std::span(tensors.begin(), tensors.size()), axis);
}
inline Tensor cat(std::span<const Tensor> tensors, int axis = 0) { return concat(tensors, axis); }
inline Tensor cat(std::initializer_list<Tensor> tensors, int axis = 0) { return concat(tensors, axis); }
/// Tensors of one shape along a new axis.
Tensor stack(std::span<const Tensor> tensors, int axis = 0);
inline Tensor stack(std::initializer_list<Tensor> tensors, int axis = 0) {
  return stack(std::span(tensors.begin(), tensors.size()), axis);
}
/// Side by side (axis 1, vectors axis 0), one below the other, behind each other (axis 2).
Tensor hstack(std::span<const Tensor> tensors);
Tensor vstack(std::span<const Tensor> tensors);
Tensor dstack(std::span<const Tensor> tensors);

// ---- repeating and turning ------------------------------------------------------------------------------------------
/// The whole tensor again and again, counts[i] times along axis i. `repeat` wants a count for each axis, more counts
/// make new leading axes; `tile` fills missing counts with 1 from the left.
Tensor repeat(const Tensor& x, const Shape& counts);
Tensor tile(const Tensor& x, const Shape& counts);
/// Each element several times in a row: along an axis, or of the flattened tensor.
Tensor repeat_interleave(const Tensor& x, std::int64_t count, int axis);
Tensor repeat_interleave(const Tensor& x, std::int64_t count);
/// counts (int64 [length of the axis]): how often each position comes.
Tensor repeat_interleave(const Tensor& x, const Tensor& counts, int axis);
Tensor flip(const Tensor& x, std::span<const int> axes);
inline Tensor flip(const Tensor& x, std::initializer_list<int> axes) {
  return flip(x, std::span(axes.begin(), axes.size()));
}
Tensor fliplr(const Tensor& x);  ///< axis 1
Tensor flipud(const Tensor& x);  ///< axis 0
/// `times` quarter turns from the first axis towards the second.
Tensor rot90(const Tensor& x, int times = 1, int axis1 = 0, int axis2 = 1);
/// Shifted by `shifts` along the axes, what leaves comes in on the other side; without axes the flattened tensor.
Tensor roll(const Tensor& x, std::span<const std::int64_t> shifts, std::span<const int> axes);
Tensor roll(const Tensor& x, std::int64_t shift, int axis);
Tensor roll(const Tensor& x, std::int64_t shift);

}  // namespace joist
