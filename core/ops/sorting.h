// Order: sorting, searching, counting. NaN counts as the largest number.
#pragma once

#include <joist/core/ops/values.h>

#include <span>
#include <vector>

namespace joist {

/// Sorted along the axis and where each element came from. Equals keep their order.
ValuesIndices sort(const Tensor& x, int axis = -1, bool descending = false);
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false);
/// Sorted along axis 0.
Tensor msort(const Tensor& x);
/// The k largest (smallest) elements of an axis, largest (smallest) first whether `sorted` or not.
ValuesIndices topk(const Tensor& x, std::int64_t k, int axis = -1, bool largest = true, bool sorted = true);
/// The k-th smallest element, k from 1.
ValuesIndices kthvalue(const Tensor& x, std::int64_t k, int axis = -1, bool keep_axes = false);

/// Position before which each value belongs in an ascending sequence [n] or [..., n] (values [..., m]): the first such,
/// or with `right` the last one. int64.
Tensor searchsorted(const Tensor& sequence, const Tensor& values, bool right = false);
Tensor searchsorted(const Tensor& sequence, double value, bool right = false);
/// The same with the values first: which bucket between the boundaries.
Tensor bucketize(const Tensor& values, const Tensor& boundaries, bool right = false);

/// Different elements in ascending order; for each element of x its place among them (x's shape), and how often each
/// one stands there. Every NaN is different from all others. No gradients.
struct Unique {
  Tensor values{}, inverse{}, counts{};
};
Unique unique(const Tensor& x);
/// Different slices x[…, i, …] of an axis, in lexicographic order.
Unique unique(const Tensor& x, int axis);
/// Runs of equal neighbours made one; of the flattened tensor, or slices of an axis.
Unique unique_consecutive(const Tensor& x);
Unique unique_consecutive(const Tensor& x, int axis);

/// Whether each element stands in `test` (bool); NaN never does.
Tensor isin(const Tensor& x, const Tensor& test, bool invert = false);

/// How often each of 0, 1, … stands in x (integers [n] of at least 0): int64, or sums of weights (like x) in their type
/// (float64 for integers).
Tensor bincount(const Tensor& x, const Tensor& weights = {}, std::int64_t least = 0);
/// Numbers of elements in `bins` equal bins from low to high, in x's type; low = high: from the smallest to the largest
/// element. What lies outside does not count.
Tensor histc(const Tensor& x, std::int64_t bins = 100, double low = 0, double high = 0);
/// Sums of weights (undefined: 1 each) in the bins between the edges, the last of which belongs to its bin; density:
/// divided by width and total, so that the area is 1.
struct Histogram {
  Tensor counts{}, edges{};
};
Histogram histogram(const Tensor& x, const Tensor& edges, const Tensor& weights = {}, bool density = false);
/// With `bins` equal bins from low to high, or from the smallest to the largest element where low = high.
Histogram histogram(const Tensor& x, std::int64_t bins, double low = 0, double high = 0, const Tensor& weights = {},
                    bool density = false);

}  // namespace joist
