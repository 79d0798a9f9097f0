// Joining and repeating: y holds the inputs side by side; each dx is its part of dy (of repeated ones the sum).
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>

namespace joist {
namespace {

// All in their common element type.
std::vector<Tensor> promoted_all(std::span<const Tensor> given) {
  std::vector<Tensor> tensors(given.begin(), given.end());
  Dtype dtype = tensors[0].dtype();
  for (const Tensor& x : tensors) dtype = promoted(dtype, x.dtype());
  for (Tensor& x : tensors) x = to(x, dtype);
  return tensors;
}

[[noreturn]] void refuse_count(const char* op, std::int64_t count) {
  throw UsageError({.where = op, .what = "a count of " + std::to_string(count), .expected = "at least 0"});
}

// The tensor `count` times along an axis.
Tensor repeated(const Tensor& x, int axis, std::int64_t count) {
  if (count == 1) return x;
  const Tensor apart = unsqueeze(x, axis);
  return reshape(expand(apart, apart.shape().with(axis, count)), x.shape().with(axis, count * x.shape(axis)));
}

std::vector<Tensor> at_least(int rank, std::span<const Tensor> tensors) {
  std::vector<Tensor> results(tensors.begin(), tensors.end());
  for (Tensor& x : results) {
    if (x.rank() == 0) x = reshape(x, {1});
    if (rank >= 2 && x.rank() == 1) x = unsqueeze(x, 0);
    if (rank >= 3 && x.rank() == 2) x = unsqueeze(x, 2);
  }
  return results;
}

}  // namespace

Tensor concat(std::span<const Tensor> given, int axis) {
  if (given.empty()) throw ShapeError({.where = "concat", .what = "no tensors", .expected = "at least one"});
  const std::vector<Tensor> tensors = promoted_all(given);
  const int at = tensors[0].shape().axis(axis);
  Shape shape = tensors[0].shape();
  shape[at] = 0;
  for (const Tensor& part : tensors) {
    require_same_device("concat", tensors[0], part);
    if (part.rank() != shape.rank() || part.shape().with(at, 0) != shape.with(at, 0))
      throw ShapeError(
          {.where = "concat",
           .what = tensors[0].shape().text() + " and " + part.shape().text() + " along axis " + std::to_string(at),
           .expected = "equal lengths on all other axes"});
    shape[at] += part.shape(at);
  }
  Array y = Array::like(tensors[0].value(), shape);
  const auto& table = kernels_of<ElementwiseKernels>(y);
  std::vector<std::int64_t> bounds{0};
  for (const Tensor& part : tensors) {
    bounds.push_back(bounds.back() + part.shape(at));
    table.copy(part.value(), {y.sliced(at, bounds[bounds.size() - 2], bounds.back()), false});
  }
  return record({Op::concat, AxisAttribute{at}}, std::span<const Tensor>(tensors), std::move(y),
                [at, bounds = std::move(bounds)](const Array& dy, Node& node) {
                  for (std::size_t i = 0; i + 1 < bounds.size(); ++i)
                    node.give(static_cast<int>(i), dy.sliced(at, bounds[i], bounds[i + 1]));
                });
}

Tensor stack(std::span<const Tensor> tensors, int axis) {
  if (tensors.empty()) throw ShapeError({.where = "stack", .what = "no tensors", .expected = "at least one"});
  std::vector<Tensor> lifted;
  for (const Tensor& x : tensors) {
    if (x.shape() != tensors[0].shape())
      throw ShapeError({.where = "stack",
                        .what = tensors[0].shape().text() + " and " + x.shape().text(),
                        .expected = "tensors of one shape",
                        .remedy = "concat() joins along an axis that they have"});
    lifted.push_back(unsqueeze(x, axis));
  }
  return concat(lifted, axis);
}

Tensor hstack(std::span<const Tensor> tensors) {
  const auto lifted = at_least(1, tensors);
  return concat(lifted, !lifted.empty() && lifted[0].rank() == 1 ? 0 : 1);
}
Tensor vstack(std::span<const Tensor> tensors) { return concat(at_least(2, tensors), 0); }
Tensor dstack(std::span<const Tensor> tensors) { return concat(at_least(3, tensors), 2); }

Tensor repeat(const Tensor& x, const Shape& counts) {
  if (counts.rank() < x.rank())
    throw ShapeError({.where = "repeat",
                      .what = "counts " + counts.text() + " for shape " + x.shape().text(),
                      .expected = "at least one count for each axis",
                      .remedy = "tile() fills missing counts with 1"});
  for (const std::int64_t count : counts)
    if (count < 0) refuse_count("repeat", count);
  Tensor y = x;
  while (y.rank() < counts.rank()) y = unsqueeze(y, 0);
  for (int axis = 0; axis < counts.rank(); ++axis) y = repeated(y, axis, counts[axis]);
  return y;
}

Tensor tile(const Tensor& x, const Shape& counts) {
  Shape filled = counts;
  while (filled.rank() < x.rank()) filled = filled.inserted(0, 1);
  return repeat(x, filled);
}

Tensor repeat_interleave(const Tensor& x, std::int64_t count, int axis) {
  if (count < 0) refuse_count("repeat_interleave", count);
  const int at = x.shape().axis(axis);
  const Tensor apart = unsqueeze(x, at + 1);
  return reshape(expand(apart, apart.shape().with(at + 1, count)), x.shape().with(at, count * x.shape(at)));
}
Tensor repeat_interleave(const Tensor& x, std::int64_t count) { return repeat_interleave(ravel(x), count, 0); }

Tensor repeat_interleave(const Tensor& x, const Tensor& counts, int axis) {
  const int at = x.shape().axis(axis);
  if (counts.shape() == Shape{1} || counts.rank() == 0)
    return repeat_interleave(x, static_cast<std::int64_t>(counts.item()), at);
  if (counts.shape() != Shape{x.shape(at)})
    throw ShapeError({.where = "repeat_interleave",
                      .what = "counts of shape " + counts.shape().text() + " for axis " + std::to_string(axis) +
                              " of shape " + x.shape().text(),
                      .expected = "[" + std::to_string(x.shape(at)) + "] or [1]"});
  std::vector<std::int64_t> rows;
  std::int64_t row = 0;
  for (const std::int64_t count : to(to(counts.detach(), Dtype::int64), cpu).value().to_vector<std::int64_t>()) {
    if (count < 0) refuse_count("repeat_interleave", count);
    rows.insert(rows.end(), static_cast<std::size_t>(count), row++);
  }
  const auto length = static_cast<std::int64_t>(rows.size());
  return index_select(x, at, to(Tensor(Array::from(rows, {length})), x.device()));
}

}  // namespace joist
