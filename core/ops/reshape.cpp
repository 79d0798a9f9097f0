// Views and copies: y holds x's elements in another arrangement; dx holds dy's, arranged back.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <numeric>

namespace joist {
namespace {

Array dense_copy(const Array& x, Order order) {
  Array y = Array::empty(x.shape(), x.dtype(), x.device(), order);
  kernels_of<ElementwiseKernels>(x).copy(x, {y, false});
  return y;
}

// x's elements in logical order under another shape; copies only where no view exists.
Array reshaped(const Array& x, const Shape& shape) {
  if (x.elements() == 0 || x.is_row_major()) return x.strided(shape, row_major(shape));
  try {
    return x.view(shape);
  } catch (const ShapeError&) {
    return dense_copy(x, Order::row_major).view(shape);
  }
}

// `wanted` with its -1 filled in.
Shape resolved(const char* op, const Tensor& x, const Shape& wanted) {
  Shape shape = wanted;
  int unknown = -1;
  std::int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] < -1)
      throw ShapeError({.where = op,
                        .what = x.shape().text() + " to " + wanted.text(),
                        .expected = "lengths from 0, or one of -1",
                        .remedy = "-1 for the length that shall fit"});
    if (shape[i] != -1) {
      known *= shape[i];
    } else if (std::exchange(unknown, i) != -1) {
      throw ShapeError({.where = op,
                        .what = "two lengths of -1 in " + wanted.text(),
                        .expected = "at most one",
                        .remedy = "write the other one out"});
    }
  }
  const std::int64_t elements = x.value().elements();
  if (unknown >= 0 && known > 0 && elements % known == 0) shape[unknown] = elements / known;
  if (unknown >= 0 ? shape[unknown] == -1 : known != elements)
    throw ShapeError({.where = op,
                      .what = x.shape().text() + " to " + wanted.text(),
                      .expected = std::to_string(elements) + " elements",
                      .remedy = "-1 for the length that shall fit"});
  return shape;
}

}  // namespace

Tensor contiguous(const Tensor& x, Order order) {
  const Array& value = x.value();
  if (order == Order::channels_last ? value.is_channels_last() : value.is_row_major()) return x;
  return record({Op::copy}, {x}, dense_copy(value, order), [](const Array& dy, Node& node) { node.give(0, dy); });
}

Tensor reshape(const Tensor& x, const Shape& wanted) {
  const Shape shape = resolved("reshape", x, wanted);
  if (shape == x.shape()) return x;
  return record({Op::reshape, ShapeAttribute{shape}}, {x}, reshaped(x.value(), shape),
                [from = x.shape()](const Array& dy, Node& node) { node.give(0, reshaped(dy, from)); });
}

Tensor flatten(const Tensor& x, int first, int last) {
  const int from = axis_of("flatten", x, first), to = axis_of("flatten", x, last);
  if (to < from)
    throw ShapeError(
        {.where = "flatten",
         .what = "axes " + std::to_string(first) + " to " + std::to_string(last) + " of " + x.shape().text(),
         .expected = "first at most last",
         .remedy = "swap them"});
  std::vector<std::int64_t> lengths(x.shape().begin(), x.shape().begin() + from);
  lengths.push_back(x.shape().elements(from, to + 1));
  lengths.insert(lengths.end(), x.shape().begin() + to + 1, x.shape().end());
  return reshape(x, Shape(lengths));
}

Tensor view(const Tensor& x, const Shape& wanted) {
  const Shape shape = resolved("view", x, wanted);
  if (shape == x.shape()) return x;
  Array y = x.value().elements() == 0 ? x.value().strided(shape, row_major(shape)) : x.value().view(shape);
  return record({Op::reshape, ShapeAttribute{shape}}, {x}, std::move(y),
                [from = x.shape()](const Array& dy, Node& node) { node.give(0, reshaped(dy, from)); });
}

Tensor ravel(const Tensor& x) { return reshape(x, {-1}); }

Tensor unflatten(const Tensor& x, int axis, const Shape& lengths) {
  const int at = axis_of("unflatten", x, axis);
  std::int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < lengths.rank(); ++i)
    lengths[i] == -1 ? static_cast<void>(unknown = i) : static_cast<void>(known *= lengths[i]);
  Shape whole = lengths;
  if (unknown >= 0 && known > 0 && x.shape(at) % known == 0) whole[unknown] = x.shape(at) / known;
  const bool negative = std::any_of(lengths.begin(), lengths.end(), [](auto length) { return length < -1; });
  if (lengths.rank() == 0 || negative || (unknown >= 0 && whole[unknown] == -1) || whole.elements() != x.shape(at))
    throw ShapeError(
        {.where = "unflatten",
         .what = "axis " + std::to_string(axis) + " of shape " + x.shape().text() + " as " + lengths.text(),
         .expected = "lengths whose product is " + std::to_string(x.shape(at)) + ", at most one -1",
         .remedy = "-1 for the length that shall fit"});
  std::vector<std::int64_t> result(x.shape().begin(), x.shape().begin() + at);
  result.insert(result.end(), whole.begin(), whole.end());
  result.insert(result.end(), x.shape().begin() + at + 1, x.shape().end());
  return reshape(x, Shape(result));
}

Tensor squeeze(const Tensor& x, std::span<const int> axes) {
  std::array<bool, Shape::max_rank> dropped{};
  for (const int axis : axes) dropped[static_cast<std::size_t>(x.shape().axis(axis))] = true;
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape(i) != 1 || !dropped[static_cast<std::size_t>(i)]) lengths.push_back(x.shape(i));
  return reshape(x, Shape(lengths));
}
Tensor squeeze(const Tensor& x, int axis) { return squeeze(x, std::span(&axis, 1)); }
Tensor squeeze(const Tensor& x) {
  std::vector<int> axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return squeeze(x, axes);
}

Tensor unsqueeze(const Tensor& x, int axis) {
  const int at = Shape::filled(std::min(x.rank() + 1, Shape::max_rank), 0).axis(axis);
  return reshape(x, x.shape().inserted(at, 1));
}

Tensor permute(const Tensor& x, std::span<const int> axes) {
  Array y = x.value().permuted(axes);
  std::vector<int> back(axes.size());
  Shape forward = Shape::filled(static_cast<int>(axes.size()), 0);
  int position = 0;
  for (int axis : axes) {
    forward[position] = x.shape().axis(axis);
    back[static_cast<std::size_t>(forward[position])] = position;
    ++position;
  }
  return record({Op::permute, PermuteAttribute{forward}}, {x}, std::move(y),
                [back = std::move(back)](const Array& dy, Node& node) { node.give(0, dy.permuted(back)); });
}

Tensor transpose(const Tensor& x, int a, int b) {
  const int first = x.shape().axis(a), second = x.shape().axis(b);
  std::vector<int> axes;
  Shape forward = Shape::filled(x.rank(), 0);
  for (int i = 0; i < x.rank(); ++i) {
    axes.push_back(i == first ? second : i == second ? first : i);
    forward[i] = axes.back();
  }
  return record({Op::permute, PermuteAttribute{forward}}, {x}, x.value().permuted(axes),
                [axes](const Array& dy, Node& node) { node.give(0, dy.permuted(axes)); });
}

Tensor t(const Tensor& x) {
  if (x.rank() > 2)
    throw ShapeError({.where = "t",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "at most two axes",
                      .remedy = "transpose(x, a, b)"});
  return x.rank() < 2 ? x : transpose(x, 0, 1);
}

Tensor movedim(const Tensor& x, std::span<const int> from, std::span<const int> to) {
  if (from.size() != to.size())
    throw ShapeError({.where = "movedim",
                      .what = std::to_string(from.size()) + " axes to " + std::to_string(to.size()) + " places",
                      .expected = "as many places as axes"});
  std::vector<int> axes(static_cast<std::size_t>(x.rank()), -1);
  std::vector<bool> moved(axes.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto source = static_cast<std::size_t>(x.shape().axis(from[i]));
    int& place = axes[static_cast<std::size_t>(x.shape().axis(to[i]))];
    if (moved[source] || place >= 0)
      throw ShapeError({.where = "movedim",
                        .what = "axis " + std::to_string(moved[source] ? from[i] : to[i]) + " stands twice",
                        .expected = "different axes"});
    moved[source] = true;
    place = static_cast<int>(source);
  }
  int next = 0;
  for (int& axis : axes) {
    if (axis >= 0) continue;
    while (moved[static_cast<std::size_t>(next)]) ++next;
    axis = next++;
  }
  return permute(x, axes);
}
Tensor movedim(const Tensor& x, int from, int to) { return movedim(x, std::span(&from, 1), std::span(&to, 1)); }

Tensor expand_as(const Tensor& x, const Tensor& other) { return expand(x, other.shape()); }

std::vector<Tensor> broadcast_tensors(std::span<const Tensor> tensors) {
  Shape shape;
  for (const Tensor& x : tensors) shape = broadcast(shape, x.shape(), "broadcast_tensors");
  std::vector<Tensor> results;
  for (const Tensor& x : tensors) results.push_back(expand(x, shape));
  return results;
}

Tensor expand(const Tensor& x, const Shape& wanted) {
  Shape shape = wanted;
  for (int i = 1; i <= std::min(shape.rank(), x.rank()); ++i)
    if (shape[-i] == -1) shape[-i] = x.shape(-i);
  for (const std::int64_t length : shape)
    if (length < 0)
      throw ShapeError({.where = "expand",
                        .what = "shape " + x.shape().text() + " to " + wanted.text(),
                        .expected = "lengths of at least 0, or -1 for an axis that the input has"});
  Array y = x.value().expanded(shape);
  return record({Op::expand, ShapeAttribute{shape}}, {x}, std::move(y),
                [rank = shape.rank()](const Array& dy, Node& node) {
                  const Out dx = node.slot(0);
                  Array lifted = dx.array;
                  while (lifted.rank() < rank) lifted = lifted.inserted(0);
                  kernels_of<ReductionKernels>(dy).sum(dy, 1.0, {lifted, dx.accumulate});
                });
}

}  // namespace joist
