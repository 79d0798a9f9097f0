// Views and rearrangements.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

/// A view where strides allow, else a copy in logical (PyTorch) order. One length may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Merges axes first … last (inclusive).
Tensor flatten(const Tensor& x, int first = 1, int last = -1);
Tensor permute(const Tensor& x, std::initializer_list<int> axes);
Tensor transpose(const Tensor& x, int a, int b);
/// Elements start, start + step, … < stop of an axis; negative start and stop count from the end.
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1);
std::vector<Tensor> chunk(const Tensor& x, int chunks, int axis);
Tensor concat(std::span<const Tensor> tensors, int axis);
inline Tensor concat(std::initializer_list<Tensor> tensors, int axis) {
  return concat(std::span(tensors.begin(), tensors.size()), axis);
}
Tensor expand(const Tensor& x, const Shape& shape);
/// Dense memory in the given order; no work when it is so already.
Tensor contiguous(const Tensor& x, Order order = Order::row_major);

}  // namespace joist
