// Views of parts: y shows some of x's elements; dx is dy at their places and 0 elsewhere.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>

namespace joist {
namespace {

// y = part(x); no two elements of the view are the same element of x.
template <class Part>
Tensor part_of(Operation operation, const Tensor& x, Part part) {
  return record(std::move(operation), {x}, part(x.value()), [part](const Array& dy, Node& node) {
    const Out dx = node.slot(0);
    const auto& table = kernels_of<ElementwiseKernels>(dy);
    if (!dx.accumulate) table.fill(0, dx.array);
    table.copy(dy, {part(dx.array), dx.accumulate});
  });
}

// Several neighbouring slices of one axis as one node: their gradients land side by side without a zero fill. bounds
// ascend from 0 to the axis's length.
std::vector<Tensor> parts_between(const Tensor& x, int axis, std::vector<std::int64_t> bounds) {
  std::vector<Array> parts;
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) parts.push_back(x.value().sliced(axis, bounds[i], bounds[i + 1]));
  if (parts.empty()) return {};
  const SliceAttribute attribute{axis, 0, x.shape(axis), parts.size() == 1 ? 1 : parts[0].shape(axis)};
  return record({Op::slice, attribute}, std::span(&x, 1), std::move(parts),
                [axis, bounds = std::move(bounds)](std::span<const Array> dys, Node& node) {
                  const Out dx = node.slot(0);
                  const auto& table = kernels_of<ElementwiseKernels>(dx.array);
                  for (std::size_t i = 0; i < dys.size(); ++i) {
                    const Array part = dx.array.sliced(axis, bounds[i], bounds[i + 1]);
                    if (dys[i].defined()) {
                      table.copy(dys[i], {part, dx.accumulate});
                    } else if (!dx.accumulate) {
                      table.fill(0, part);
                    }
                  }
                });
}

std::vector<std::int64_t> multiples(std::int64_t size, std::int64_t length) {
  std::vector<std::int64_t> bounds{0};
  while (bounds.back() < length) bounds.push_back(std::min(bounds.back() + size, length));
  if (length == 0) bounds.push_back(0);  // one empty part
  return bounds;
}

Array diagonal_of(const Array& x, std::int64_t offset, int axis1, int axis2) {
  const std::int64_t down = offset < 0 ? -offset : 0, right = offset > 0 ? offset : 0;
  const std::int64_t length = std::max<std::int64_t>(0, std::min(x.shape(axis1) - down, x.shape(axis2) - right));
  const std::int64_t step1 = x.strides()[axis1], step2 = x.strides()[axis2];
  const int high = std::max(axis1, axis2), low = std::min(axis1, axis2);
  const Shape shape = x.shape().without(high).without(low);
  const Strides strides = x.strides().without(high).without(low);
  return x.strided(shape.inserted(shape.rank(), length), strides.inserted(strides.rank(), step1 + step2),
                   length > 0 ? down * step1 + right * step2 : 0);
}

[[noreturn]] void refuse_same_axis(const char* op, const Tensor& x, int axis1, int axis2) {
  throw ShapeError({.where = op,
                    .what = "axes " + std::to_string(axis1) + " and " + std::to_string(axis2) + " of shape " +
                            x.shape().text() + " are one axis",
                    .expected = "two different axes"});
}

}  // namespace

Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  const std::int64_t first = start < 0 ? start + length : start, last = stop < 0 ? stop + length : stop;
  const SliceAttribute part{at, first, last, step};
  return part_of({Op::slice, part}, x,
                 [part](const Array& from) { return from.sliced(part.axis, part.start, part.stop, part.step); });
}

Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t length) {
  const int at = x.shape().axis(axis);
  const std::int64_t all = x.shape(at), first = start < 0 ? start + all : start;
  if (first < 0 || length < 0 || length > all - first)
    throw ShapeError({.where = "narrow",
                      .what = std::to_string(length) + " elements from " + std::to_string(start) + " of axis " +
                              std::to_string(axis) + " of shape " + x.shape().text(),
                      .expected = "start and length within the axis's " + std::to_string(all) + " elements"});
  return slice(x, at, first, first + length);
}

Tensor select(const Tensor& x, int axis, std::int64_t index) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at), position = index < 0 ? index + length : index;
  if (position < 0 || position >= length)
    throw DataError({.where = "select",
                     .what = "index " + std::to_string(index) + " of axis " + std::to_string(axis) + " of shape " +
                             x.shape().text(),
                     .expected = std::to_string(-length) + " to " + std::to_string(length - 1)});
  return squeeze(slice(x, at, position, position + 1), at);
}

std::vector<Tensor> unbind(const Tensor& x, int axis) {
  const int at = x.shape().axis(axis);
  std::vector<Tensor> parts = parts_between(x, at, multiples(1, x.shape(at)));
  if (x.shape(at) == 0) return {};
  for (Tensor& part : parts) part = squeeze(part, at);
  return parts;
}

std::vector<Tensor> chunk(const Tensor& x, int chunks, int axis) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  if (chunks < 1)
    throw ShapeError({.where = "chunk", .what = std::to_string(chunks) + " chunks", .expected = "at least 1"});
  return parts_between(x, at, multiples(std::max<std::int64_t>(1, (length + chunks - 1) / chunks), length));
}

std::vector<Tensor> split(const Tensor& x, std::int64_t size, int axis) {
  const int at = x.shape().axis(axis);
  if (size < 1)
    throw ShapeError({.where = "split", .what = "parts of " + std::to_string(size), .expected = "at least 1"});
  return parts_between(x, at, multiples(size, x.shape(at)));
}

std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> sizes, int axis) {
  const int at = x.shape().axis(axis);
  std::vector<std::int64_t> bounds{0};
  bool fits = true;
  for (const std::int64_t size : sizes) {
    fits = fits && size >= 0;
    bounds.push_back(bounds.back() + size);
  }
  if (!fits || bounds.back() != x.shape(at))
    throw ShapeError({.where = "split",
                      .what = "sizes that add up to " + std::to_string(bounds.back()) + " for axis " +
                              std::to_string(axis) + " of shape " + x.shape().text(),
                      .expected = "sizes of at least 0 that add up to " + std::to_string(x.shape(at))});
  return parts_between(x, at, std::move(bounds));
}

std::vector<Tensor> tensor_split(const Tensor& x, int sections, int axis) {
  const int at = x.shape().axis(axis);
  if (sections < 1)
    throw ShapeError(
        {.where = "tensor_split", .what = std::to_string(sections) + " sections", .expected = "at least 1"});
  const std::int64_t least = x.shape(at) / sections, longer = x.shape(at) % sections;
  std::vector<std::int64_t> bounds{0};
  for (int i = 0; i < sections; ++i) bounds.push_back(bounds.back() + least + (i < longer ? 1 : 0));
  return parts_between(x, at, std::move(bounds));
}

std::vector<Tensor> tensor_split(const Tensor& x, std::span<const std::int64_t> indices, int axis) {
  // Cuts as Python slices do: out of order or out of range they give empty or overlapping parts, never an error.
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  const auto inside = [&](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + length : index, 0, length);
  };
  std::vector<Tensor> parts;
  std::int64_t start = 0;
  for (std::size_t i = 0; i <= indices.size(); ++i) {
    const std::int64_t stop = i < indices.size() ? inside(indices[i]) : length;
    parts.push_back(slice(x, at, start, std::max(start, stop)));
    start = stop;
  }
  return parts;
}

Tensor unfold_axis(const Tensor& x, int axis, std::int64_t size, std::int64_t step) {
  const int at = x.shape().axis(axis);
  const std::int64_t length = x.shape(at);
  if (size < 0 || size > length || step < 1)
    throw ShapeError({.where = "unfold_axis",
                      .what = "windows of " + std::to_string(size) + " every " + std::to_string(step) + " of axis " +
                              std::to_string(axis) + " of shape " + x.shape().text(),
                      .expected = "a size of at most " + std::to_string(length) + " and a step of at least 1"});
  const std::int64_t count = (length - size) / step + 1;
  const Array& from = x.value();
  Strides strides = from.strides();
  const std::int64_t stride = strides[at];
  strides[at] = stride * step;
  const Shape shape = from.shape().with(at, count);
  Array y = from.strided(shape.inserted(shape.rank(), size), strides.inserted(strides.rank(), stride));
  return record({Op::view, SliceAttribute{at, 0, size, step}}, {x}, std::move(y),
                [at, count, size, step](const Array& dy, Node& node) {
                  const Out dx = node.slot(0);
                  const auto& table = kernels_of<ElementwiseKernels>(dy);
                  if (!dx.accumulate) table.fill(0, dx.array);
                  // Windows overlap; the elements at one place of all windows do not.
                  for (std::int64_t i = 0; i < size; ++i)
                    table.copy(dy.selected(-1, i), {dx.array.sliced(at, i, i + (count - 1) * step + 1, step), true});
                });
}

Tensor diagonal(const Tensor& x, std::int64_t offset, int axis1, int axis2) {
  const int first = x.shape().axis(axis1), second = x.shape().axis(axis2);
  if (first == second) refuse_same_axis("diagonal", x, axis1, axis2);
  return part_of({Op::view, SliceAttribute{first, offset, second, 1}}, x,
                 [=](const Array& from) { return diagonal_of(from, offset, first, second); });
}

Tensor diag(const Tensor& x, std::int64_t offset) {
  if (x.rank() == 1) return diag_embed(x, offset);
  if (x.rank() == 2) return diagonal(x, offset);
  throw ShapeError({.where = "diag",
                    .what = "input of shape " + x.shape().text(),
                    .expected = "a vector or a matrix",
                    .remedy = "diagonal() or diag_embed() for more axes"});
}

Tensor diag_embed(const Tensor& x, std::int64_t offset, int axis1, int axis2) {
  if (x.rank() < 1)
    throw ShapeError({.where = "diag_embed", .what = "input of shape []", .expected = "at least one axis"});
  const std::int64_t size = x.shape(-1) + std::abs(offset);
  Shape shape = x.shape().without(-1);
  const Shape result = Shape::filled(x.rank() + 1, 0);  // checks the rank and the axes
  const int first = result.axis(axis1), second = result.axis(axis2);
  if (first == second) refuse_same_axis("diag_embed", x, axis1, axis2);
  shape = shape.inserted(std::min(first, second), size).inserted(std::max(first, second), size);
  Array y = Array::empty(shape, x.dtype(), x.device());
  const auto& table = kernels_of<ElementwiseKernels>(y);
  table.fill(0, y);
  table.copy(x.value(), {diagonal_of(y, offset, first, second), false});
  return record({Op::view, SliceAttribute{first, offset, second, 1}}, {x}, std::move(y),
                [=](const Array& dy, Node& node) { node.give(0, diagonal_of(dy, offset, first, second)); });
}

}  // namespace joist
