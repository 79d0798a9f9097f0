// Views and copies: y holds x's elements in another arrangement; dx holds dy's, arranged back.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/reshape.h>

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

}  // namespace

Tensor contiguous(const Tensor& x, Order order) {
  const Array& value = x.value();
  if (order == Order::channels_last ? value.is_channels_last() : value.is_row_major()) return x;
  return record({Op::copy}, {x}, dense_copy(value, order), [](const Array& dy, Node& node) { node.give(0, dy); });
}

Tensor reshape(const Tensor& x, const Shape& wanted) {
  Shape shape = wanted;
  int unknown = -1;
  std::int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) {
      known *= shape[i];
    } else if (std::exchange(unknown, i) != -1) {
      throw ShapeError(
          {.where = "reshape", .what = "two lengths of -1 in " + wanted.text(), .expected = "at most one"});
    }
  }
  const std::int64_t elements = x.value().elements();
  if (unknown >= 0 && known > 0 && elements % known == 0) shape[unknown] = elements / known;
  if (unknown >= 0 ? shape[unknown] == -1 : known != elements)
    throw ShapeError({.where = "reshape",
                      .what = x.shape().text() + " to " + wanted.text(),
                      .expected = std::to_string(elements) + " elements"});
  if (shape == x.shape()) return x;
  return record({Op::reshape, ShapeAttribute{shape}}, {x}, reshaped(x.value(), shape),
                [from = x.shape()](const Array& dy, Node& node) { node.give(0, reshaped(dy, from)); });
}

Tensor flatten(const Tensor& x, int first, int last) {
  const int from = x.shape().axis(first), to = x.shape().axis(last);
  if (to < from)
    throw ShapeError(
        {.where = "flatten",
         .what = "axes " + std::to_string(first) + " to " + std::to_string(last) + " of " + x.shape().text(),
         .expected = "first at most last"});
  std::vector<std::int64_t> lengths(x.shape().begin(), x.shape().begin() + from);
  lengths.push_back(x.shape().elements(from, to + 1));
  lengths.insert(lengths.end(), x.shape().begin() + to + 1, x.shape().end());
  return reshape(x, Shape(lengths));
}

Tensor permute(const Tensor& x, std::initializer_list<int> axes) {
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

Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  const std::int64_t first = start < 0 ? start + length : start, last = stop < 0 ? stop + length : stop;
  Array y = x.value().sliced(at, first, last, step);
  const SliceAttribute part{at, first, last, step};
  return record({Op::slice, part}, {x}, std::move(y), [part](const Array& dy, Node& node) {
    const Out dx = node.slot(0);
    const auto& table = kernels_of<ElementwiseKernels>(dy);
    if (!dx.accumulate) table.fill(0, dx.array);
    table.copy(dy, {dx.array.sliced(part.axis, part.start, part.stop, part.step), dx.accumulate});
  });
}

std::vector<Tensor> chunk(const Tensor& x, int chunks, int axis) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  if (chunks < 1)
    throw ShapeError({.where = "chunk", .what = std::to_string(chunks) + " chunks", .expected = "at least 1"});
  const std::int64_t size = (length + chunks - 1) / chunks;
  std::vector<Array> parts;
  for (std::int64_t start = 0; start < length; start += size)
    parts.push_back(x.value().sliced(at, start, std::min(start + size, length)));
  // One node for all parts: their gradients land side by side in one buffer without a zero fill.
  return record({Op::slice, SliceAttribute{at, 0, length, size}}, std::span(&x, 1), std::move(parts),
                [at, size, length](std::span<const Array> dys, Node& node) {
                  const Out dx = node.slot(0);
                  const auto& table = kernels_of<ElementwiseKernels>(dx.array);
                  for (std::size_t i = 0; i < dys.size(); ++i) {
                    const std::int64_t start = static_cast<std::int64_t>(i) * size;
                    const Array part = dx.array.sliced(at, start, std::min(start + size, length));
                    if (dys[i].defined()) {
                      table.copy(dys[i], {part, dx.accumulate});
                    } else if (!dx.accumulate) {
                      table.fill(0, part);
                    }
                  }
                });
}

Tensor concat(std::span<const Tensor> tensors, int axis) {
  if (tensors.empty()) throw ShapeError({.where = "concat", .what = "no tensors", .expected = "at least one"});
  const int at = tensors[0].shape().axis(axis);
  Shape shape = tensors[0].shape();
  shape[at] = 0;
  for (const Tensor& part : tensors) {
    require_same_kind("concat", tensors[0], part);
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
  return record({Op::concat, AxisAttribute{at}}, tensors, std::move(y),
                [at, bounds = std::move(bounds)](const Array& dy, Node& node) {
                  for (std::size_t i = 0; i + 1 < bounds.size(); ++i)
                    node.give(static_cast<int>(i), dy.sliced(at, bounds[i], bounds[i + 1]));
                });
}

Tensor expand(const Tensor& x, const Shape& shape) {
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
