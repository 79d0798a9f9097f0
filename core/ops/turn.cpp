// flip:  y[i] = x[n - 1 - i]              dx = dy flipped again
// roll:  y[(i + shift) mod n] = x[i]      dx = dy rolled by -shift
// tril:  y = x where column - row ≤ diagonal, else 0; triu alike
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>

namespace joist {
namespace {

struct FlipAttribute {
  std::array<bool, Shape::max_rank> flipped{};
};
struct RollAttribute {
  Shape shifts{};  // one per axis, in [0, length)
};

// The same memory read backwards.
Array flipped_view(const Array& x, const FlipAttribute& which) {
  Strides strides = x.strides();
  std::int64_t offset = 0;
  if (x.elements() == 0) return x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!which.flipped[static_cast<std::size_t>(axis)]) continue;
    offset += (x.shape(axis) - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return x.strided(x.shape(), strides, offset);
}

// y = x shifted, one axis after the other: the block before the cut and the one behind it change places.
void roll_into(const Array& x, const Shape& shifts, int axis, const Out& y) {
  if (axis == x.rank()) return kernels_of<ElementwiseKernels>(x).copy(x, y);
  const std::int64_t length = x.shape(axis), shift = shifts[axis];
  const auto part = [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    if (count > 0)
      roll_into(x.sliced(axis, from, from + count), shifts, axis + 1,
                {y.array.sliced(axis, to, to + count), y.accumulate});
  };
  part(0, shift, length - shift);
  part(length - shift, 0, shift);
}

Tensor rolled(const Tensor& x, const Shape& shifts) {
  Array y = Array::like(x.value());
  roll_into(x.value(), shifts, 0, {y, false});
  return record({Op::roll, RollAttribute{shifts}}, {x}, std::move(y), [shifts](const Array& dy, Node& node) {
    Shape back = shifts;
    for (int axis = 0; axis < back.rank(); ++axis) back[axis] = shifts[axis] == 0 ? 0 : dy.shape(axis) - shifts[axis];
    roll_into(dy, back, 0, node.slot(0));
  });
}

Tensor triangle(const char* op, const Tensor& x, std::int64_t diagonal, bool lower) {
  if (x.rank() < 2)
    throw ShapeError({.where = op, .what = "input of shape " + x.shape().text(), .expected = "at least two axes"});
  const auto count = [&](int axis) {
    return arange(0, static_cast<double>(x.shape(axis)), 1, Dtype::int64, x.device());
  };
  const Tensor rows = reshape(count(-2), {-1, 1}), columns = count(-1);
  const Tensor edge = rows + static_cast<double>(diagonal);
  const Tensor kept = lower ? le(columns, edge) : ge(columns, edge);
  return where(kept, x, Tensor::full({}, 0, x.dtype(), x.device()));
}

void require_axis(const char* op, const Tensor& x, int least) {
  if (x.rank() < least)
    throw ShapeError({.where = op,
                      .what = "input of shape " + x.shape().text(),
                      .expected = "at least " + std::to_string(least) + " axes"});
}

}  // namespace

Tensor flip(const Tensor& x, std::span<const int> axes) {
  FlipAttribute which;
  for (const int axis : axes) {
    bool& flipped = which.flipped[static_cast<std::size_t>(x.shape().axis(axis))];
    if (flipped)
      throw ShapeError(
          {.where = "flip", .what = "axis " + std::to_string(axis) + " stands twice", .expected = "different axes"});
    flipped = true;
  }
  Array y = Array::like(x.value());
  kernels_of<ElementwiseKernels>(y).copy(flipped_view(x.value(), which), {y, false});
  return record({Op::flip, which}, {x}, std::move(y), [which](const Array& dy, Node& node) {
    kernels_of<ElementwiseKernels>(dy).copy(flipped_view(dy, which), node.slot(0));
  });
}

Tensor fliplr(const Tensor& x) {
  require_axis("fliplr", x, 2);
  return flip(x, {1});
}
Tensor flipud(const Tensor& x) {
  require_axis("flipud", x, 1);
  return flip(x, {0});
}

Tensor rot90(const Tensor& x, int times, int axis1, int axis2) {
  const int first = x.shape().axis(axis1), second = x.shape().axis(axis2);
  if (first == second)
    throw ShapeError({.where = "rot90",
                      .what = "axes " + std::to_string(axis1) + " and " + std::to_string(axis2),
                      .expected = "two different axes"});
  switch ((times % 4 + 4) % 4) {
    case 1: return transpose(flip(x, {second}), first, second);
    case 2: return flip(x, {first, second});
    case 3: return transpose(flip(x, {first}), first, second);
    default: return x;
  }
}

Tensor roll(const Tensor& x, std::span<const std::int64_t> shifts, std::span<const int> axes) {
  if (axes.empty() && shifts.size() == 1) return roll(x, shifts[0]);
  if (axes.size() != shifts.size())
    throw ShapeError({.where = "roll",
                      .what = std::to_string(shifts.size()) + " shifts for " + std::to_string(axes.size()) + " axes",
                      .expected = "one shift for each axis"});
  Shape total = Shape::filled(x.rank(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = x.shape().axis(axes[i]);
    const std::int64_t length = x.shape(axis);
    if (length > 0) total[axis] = ((total[axis] + shifts[i]) % length + length) % length;
  }
  return rolled(x, total);
}
Tensor roll(const Tensor& x, std::int64_t shift, int axis) {
  return roll(x, std::span(&shift, 1), std::span(&axis, 1));
}
Tensor roll(const Tensor& x, std::int64_t shift) { return reshape(roll(ravel(x), shift, 0), x.shape()); }

Tensor tril(const Tensor& x, std::int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Tensor triu(const Tensor& x, std::int64_t diagonal) { return triangle("triu", x, diagonal, false); }

}  // namespace joist
