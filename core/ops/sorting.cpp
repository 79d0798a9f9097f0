// sort: y[i] = x[index[i]], y ascending      dx[index[i]] += dy[i]
#include <joist/core/kernels/sorting.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/sorting.h>

namespace joist {
namespace {

struct SortAttribute {
  int axis = 0;
  bool descending = false;
};

[[noreturn]] void refuse_k(const char* op, std::int64_t k, std::int64_t least, int axis, const Tensor& x) {
  const std::int64_t length = x.rank() == 0 ? 1 : x.shape(axis);
  throw UsageError(
      {.where = op,
       .what = "k " + std::to_string(k) + " for axis " + std::to_string(axis) + " of input " + x.shape().text(),
       .expected = std::to_string(least) + " to " + std::to_string(length)});
}

ValuesIndices without_axes(const ValuesIndices& one) {
  return {reshape(one.values, Shape{}), reshape(one.indices, Shape{})};
}

}  // namespace

ValuesIndices sort(const Tensor& x, int axis, bool descending) {
  if (x.rank() == 0) return without_axes(sort(reshape(x, {1}), axis, descending));
  const int at = x.shape().axis(axis);
  Array y = Array::like(x.value()), index = Array::empty(x.shape(), Dtype::int64, x.device());
  kernels_of<SortingKernels>(y).sort(x.value(), at, descending, y, index);
  const Tensor values =
      record({Op::sort, SortAttribute{at, descending}}, {x}, std::move(y),
             [at, index = saved(index)](const Array& dy, Node& node) { place_along(dy, at, index, node.slot(0)); });
  return {values, Tensor(index)};
}

Tensor argsort(const Tensor& x, int axis, bool descending) {
  const Quiet quiet;
  return sort(x.detach(), axis, descending).indices;
}

Tensor msort(const Tensor& x) { return sort(x, 0).values; }

ValuesIndices topk(const Tensor& x, std::int64_t k, int axis, bool largest, bool) {
  if (x.rank() == 0) {
    if (k < 0 || k > 1) refuse_k("topk", k, 0, axis, x);
    return k == 1 ? without_axes(topk(reshape(x, {1}), 1, axis, largest)) : topk(reshape(x, {1}), 0, axis, largest);
  }
  const int at = x.shape().axis(axis);
  if (k < 0 || k > x.shape(at)) refuse_k("topk", k, 0, axis, x);
  const ValuesIndices all = sort(x, at, largest);
  return {slice(all.values, at, 0, k), slice(all.indices, at, 0, k)};
}

ValuesIndices kthvalue(const Tensor& x, std::int64_t k, int axis, bool keep_axes) {
  if (x.rank() == 0) {
    if (k != 1) refuse_k("kthvalue", k, 1, axis, x);
    return without_axes(sort(reshape(x, {1}), axis));
  }
  const int at = x.shape().axis(axis);
  if (k < 1 || k > x.shape(at)) refuse_k("kthvalue", k, 1, axis, x);
  const ValuesIndices all = sort(x, at);
  if (keep_axes) return {slice(all.values, at, k - 1, k), slice(all.indices, at, k - 1, k)};
  return {select(all.values, at, k - 1), select(all.indices, at, k - 1)};
}

Tensor searchsorted(const Tensor& sequence, const Tensor& values, bool right) {
  require_same_device("searchsorted", sequence, values);
  bool fits = sequence.rank() == 1 || (sequence.rank() > 1 && sequence.rank() == values.rank());
  for (int i = 0; fits && sequence.rank() > 1 && i + 1 < sequence.rank(); ++i)
    fits = sequence.shape(i) == values.shape(i);
  if (!fits)
    throw ShapeError({.where = "searchsorted",
                      .what = "sequence " + sequence.shape().text() + ", values " + values.shape().text(),
                      .expected = "a sequence [n], or [..., n] with the leading axes of values"});
  const Quiet quiet;
  const auto [a, b] = promote(sequence.detach(), values.detach());
  Array index = Array::empty(values.shape(), Dtype::int64, values.device());
  kernels_of<SortingKernels>(a.value()).search(a.value(), b.value(), right, index);
  return Tensor(std::move(index));
}
Tensor searchsorted(const Tensor& sequence, double value, bool right) {
  const Dtype dtype = is_floating(sequence.dtype()) ? sequence.dtype() : Dtype::float64;
  return searchsorted(to(sequence.detach(), dtype), Tensor::full({}, value, dtype, sequence.device()), right);
}

Tensor bucketize(const Tensor& values, const Tensor& boundaries, bool right) {
  if (boundaries.rank() != 1)
    throw ShapeError(
        {.where = "bucketize", .what = "boundaries of shape " + boundaries.shape().text(), .expected = "a vector [n]"});
  return searchsorted(boundaries, values, right);
}

Tensor isin(const Tensor& given, const Tensor& given_test, bool invert) {
  require_same_device("isin", given, given_test);
  const Quiet quiet;
  const auto [x, test] = promote(given.detach(), ravel(given_test.detach()));
  Tensor found = Tensor::full(x.shape(), 0, Dtype::boolean, x.device());
  const std::int64_t n = test.shape(0);
  if (n > 0) {
    const Tensor sorted = sort(test).values, places = searchsorted(sorted, x);
    const Tensor inside = where(lt(places, static_cast<double>(n)), places, static_cast<double>(n - 1));
    found = eq(take(sorted, inside), x);
  }
  return invert ? logical_not(found) : found;
}

}  // namespace joist
