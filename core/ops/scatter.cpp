// scatter:        y = x, y[index] = source           dx = dy, 0 at index       dsource = dy[index]
// scatter_add:    y = x, y[index] += source          dx = dy                   dsource = dy[index]
// scatter_reduce: y = x ∘ all source that goes there
//   prod          dx = dy Π source                   dsource = dy[index] · the product of all others that go there
//   mean          dx = dy / n                        dsource = (dy / n)[index]
//   amax, amin    dy shared evenly among those that equal y
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/indexing.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reshape.h>

#include <limits>

namespace joist {
namespace {

struct ScatterAttribute {
  int axis = 0;
  Scatter how = Scatter::replace;
};

Array copied(const Array& x) {
  Array y = Array::like(x);
  kernels_of<ElementwiseKernels>(x).copy(x, {y, false});
  return y;
}

// The part of an array that the index reaches into: as long as the index on every axis.
Array leading(const Array& x, const Shape& shape) {
  Array part = x;
  for (int axis = 0; axis < shape.rank(); ++axis) part = part.sliced(axis, 0, shape[axis]);
  return part;
}

void require_fitting(const char* op, const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  require_same_device(op, x, index);
  require_same_kind(op, x, source);
  bool fits = index.rank() == x.rank() && source.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i)
    fits = index.shape(i) <= source.shape(i) && (i == axis || index.shape(i) <= x.shape(i));
  if (!fits)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", index " + index.shape().text() + ", source " +
                              source.shape().text() + ", axis " + std::to_string(axis),
                      .expected = "as many axes in all; the index no longer than the source, and no longer than the "
                                  "input on all but that axis"});
  require_indices(op, index.value(), x.shape(axis), x.shape());
}

// y = x with source put to, or added at, the index; recorded as Op::index_put where whole slices move.
Tensor scattered(const char* op, Op recorded, Scatter how, const Tensor& x, int axis, const Tensor& index,
                 const Tensor& source) {
  if (x.rank() == 0)
    return reshape(scattered(op, recorded, how, reshape(x, {1}), 0, ravel(index), ravel(source)), Shape{});
  const int at = x.shape().axis(axis);
  require_fitting(op, x, at, index, source);
  Array y = copied(x.value());
  kernels_of<IndexingKernels>(y).scatter(how, leading(source.value(), index.shape()), at, index.value(), y);
  return record({recorded, ScatterAttribute{at, how}}, {x, index, source}, std::move(y),
                [at, how, index = saved(index)](const Array& dy, Node& node) {
                  const auto& table = kernels_of<IndexingKernels>(dy);
                  const auto& elementwise = kernels_of<ElementwiseKernels>(dy);
                  if (how == Scatter::add) {
                    node.give(0, dy);
                  } else if (node.wants(0)) {
                    const Array dx = copied(dy), nothing = Array::empty({}, dy.dtype(), dy.device());
                    elementwise.fill(0, nothing);
                    table.scatter(Scatter::replace, nothing.expanded(index.get().shape()), at, index, dx);
                    node.give(0, dx);
                  }
                  if (!node.wants(2)) return;
                  const Out ds = node.slot(2);
                  if (!ds.accumulate) elementwise.fill(0, ds.array);
                  table.gather(dy, at, index, {leading(ds.array, index.get().shape()), ds.accumulate});
                });
}

Tensor scattered(Scatter how, const Array& x, const Array& source, int axis, const Array& index) {
  const Array y = copied(x);
  kernels_of<IndexingKernels>(x).scatter(how, source, axis, index, y);
  return Tensor(y);
}

Tensor positions_like(const Tensor& index, const Shape& shape, int axis) {
  // A vector of positions seen as an index for every element of `shape`.
  Shape wide = Shape::filled(shape.rank(), 1);
  wide[axis] = index.shape(0);
  return expand(reshape(index, wide), shape.with(axis, index.shape(0)));
}

void require_slices(const char* op, const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  if (index.rank() != 1 || source.shape() != x.shape().with(axis, index.shape(0)))
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", index " + index.shape().text() + ", source " +
                              source.shape().text() + ", axis " + std::to_string(axis),
                      .expected = "index [m] and a source like the input with m positions on that axis"});
}

}  // namespace

Tensor scatter(const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  return scattered("scatter", Op::scatter, Scatter::replace, x, axis, index, source);
}
Tensor scatter(const Tensor& x, int axis, const Tensor& index, double value) {
  return scatter(x, axis, index, expand(Tensor::full({}, value, x.dtype(), x.device()), index.shape()));
}
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  return scattered("scatter_add", Op::scatter, Scatter::add, x, axis, index, source);
}

Tensor index_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source, double alpha) {
  const int at = x.shape().axis(axis);
  require_slices("index_add", x, at, index, source);
  return scattered("index_add", Op::index_put, Scatter::add, x, at, positions_like(index, x.shape(), at),
                   alpha == 1 ? source : source * alpha);
}

Tensor index_copy(const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  const int at = x.shape().axis(axis);
  require_slices("index_copy", x, at, index, source);
  return scattered("index_copy", Op::index_put, Scatter::replace, x, at, positions_like(index, x.shape(), at), source);
}

Tensor index_fill(const Tensor& x, int axis, const Tensor& index, double value) {
  const int at = x.shape().axis(axis);
  if (index.rank() != 1)
    throw ShapeError(
        {.where = "index_fill", .what = "index of shape " + index.shape().text(), .expected = "a vector [m]"});
  const Tensor wrapped(wrapped_indices("index_fill", index.value(), x.shape(at), x.shape()));
  return scatter(x, at, positions_like(wrapped, x.shape(), at), value);
}

Tensor scatter_reduce(const Tensor& x, int axis, const Tensor& index, const Tensor& source, ScatterReduction reduce,
                      bool include_self) {
  if (x.rank() == 0)
    return reshape(scatter_reduce(reshape(x, {1}), 0, ravel(index), ravel(source), reduce, include_self), Shape{});
  const int at = x.shape().axis(axis);
  require_fitting("scatter_reduce", x, at, index, source);
  if (reduce == ScatterReduction::sum && include_self) return scatter_add(x, at, index, source);
  const Array& places = index.value();
  const Array given = leading(source.value(), index.shape());
  Tensor start = x.detach(), hit, count;
  Tensor y;
  {
    const Quiet quiet;
    const Tensor one = expand(Tensor::full({}, 1, x.dtype(), x.device()), index.shape());
    count = scattered(Scatter::add, zeros_like(start).value(), one.value(), at, places);
    hit = gt(count, 0);
    if (!include_self) {
      const bool floating = is_floating(x.dtype());
      constexpr double infinity = std::numeric_limits<double>::infinity();
      if (!floating && (reduce == ScatterReduction::amax || reduce == ScatterReduction::amin)) {
        // Integers have no infinity: any source serves as the start.
        start = scattered(Scatter::replace, start.value(), given, at, places);
      } else {
        start = masked_fill(start, hit,
                            reduce == ScatterReduction::prod   ? 1
                            : reduce == ScatterReduction::amax ? -infinity
                            : reduce == ScatterReduction::amin ? infinity
                                                               : 0);
      }
    } else {
      count = count + 1;
    }
    const Scatter how = reduce == ScatterReduction::prod   ? Scatter::multiply
                        : reduce == ScatterReduction::amax ? Scatter::maximum
                        : reduce == ScatterReduction::amin ? Scatter::minimum
                                                           : Scatter::add;
    y = scattered(how, start.value(), given, at, places);
    count = maximum(count, ones_like(count));
    if (reduce == ScatterReduction::mean) y = is_floating(x.dtype()) ? y / count : floor_divide(y, count);
  }
  const auto backward = [=, kept_x = saved(x), index = saved(index), given = saved(source), y = saved(y)](
                            const Array& dy_array, Node& node) {
    const Tensor dy(dy_array), self(kept_x.get()), positions(index.get()), result(y.get());
    const Tensor values(leading(given.get(), positions.shape()));
    Tensor dx, ds;
    switch (reduce) {
      case ScatterReduction::sum:
        dx = dy;
        ds = gather(dy, at, positions);
        break;
      case ScatterReduction::mean:
        dx = dy / count;
        ds = gather(dx, at, positions);
        break;
      case ScatterReduction::prod: {
        const Tensor begin = include_self ? self : masked_fill(self, hit, 1);
        const auto times = [&](const Tensor& first, const Tensor& factors) {
          return scattered(Scatter::multiply, first.value(), factors.value(), at, positions.value());
        };
        dx = dy * times(ones_like(begin), values);
        // Of an element that is the only 0 the others' product, of any other the whole divided by it (0 if there is a
        // 0).
        const Tensor zero = eq(values, 0), numbers = to(zero, values.dtype());
        const Tensor zeros_there = gather(
            scattered(Scatter::add, zeros_like(self).value(), numbers.value(), at, positions.value()), at, positions);
        const Tensor only = logical_and(zero, eq(zeros_there, 1));
        const Tensor others = gather(dy * times(begin, masked_fill(values, only, 1)), at, positions);
        const Tensor share = gather(dy * result, at, positions) / masked_fill(values, zero, 1);
        ds = where(only, others, share);
        break;
      }
      case ScatterReduction::amax:
      case ScatterReduction::amin: {
        Tensor is_result = to(eq(self, result), dy.dtype());
        if (!include_self) is_result = masked_fill(is_result, hit, 0);
        const Tensor source_is = to(eq(values, gather(result, at, positions)), dy.dtype());
        const Tensor winners = scattered(Scatter::add, is_result.value(), source_is.value(), at, positions.value());
        const Tensor share = dy / winners;
        dx = is_result * share;
        ds = source_is * gather(share, at, positions);
        break;
      }
    }
    if (!include_self) dx = masked_fill(dx, hit, 0);
    node.give(0, dx.value());
    if (!node.wants(2)) return;
    const Out out = node.slot(2);
    const auto& table = kernels_of<ElementwiseKernels>(dy_array);
    if (!out.accumulate) table.fill(0, out.array);
    table.copy(ds.value(), {leading(out.array, positions.shape()), out.accumulate});
  };
  return record({Op::scatter, ScatterAttribute{at, Scatter::add}}, {x, index, source}, y.value(), backward);
}

}  // namespace joist
