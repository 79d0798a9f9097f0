// over an axis:  y = x[index]            dx[index] = dy
// amax, amin:    y = the largest of x    dx = dy shared evenly among those that equal y
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/axes.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

struct ExtremeAttribute {
  Shape kept{};
  bool largest = true, shared = false;
};

void require_something(const char* op, const Tensor& x, const ReducedAxes& over) {
  if (over.count == 0)
    throw ShapeError({.where = op,
                      .what = "nothing to choose from in input " + x.shape().text(),
                      .expected = "at least one element on the axes that are reduced"});
}

// The kernel's result over one axis, which keeps length 1.
std::pair<Array, Array> chosen(const Array& given, int axis, bool largest) {
  // Bool is compared as uint8.
  const Array x = given.dtype() == Dtype::boolean ? to(Tensor(given), Dtype::uint8).value() : given;
  const Shape shape = x.shape().with(axis, 1);
  Array y = Array::empty(shape, x.dtype(), x.device()), index = Array::empty(shape, Dtype::int64, x.device());
  const auto& table = kernels_of<ReductionKernels>(x);
  if (y.elements() > 0) (largest ? table.maximum : table.minimum)(x, axis, {y, false}, index);
  if (given.dtype() == Dtype::boolean) y = to(Tensor(y), Dtype::boolean).value();
  return {y, index};
}

ValuesIndices extreme(const char* op, const Tensor& x, int axis, bool keep_axes, bool largest) {
  if (x.rank() == 0) {
    static_cast<void>(Shape{1}.axis(axis));
    return {x, Tensor::full({}, 0, Dtype::int64, x.device())};
  }
  const int at = x.shape().axis(axis);
  require_something(op, x, ReducedAxes(op, x.shape(), std::span(&at, 1)));
  const auto [y, index] = chosen(x.value(), at, largest);
  const ExtremeAttribute attribute{x.shape().with(at, 1), largest, false};
  const Tensor values =
      record({Op::maximum_of_axis, attribute}, {x}, y,
             [at, index = saved(index)](const Array& dy, Node& node) { place_along(dy, at, index, node.slot(0)); });
  const Tensor indices(index);
  return keep_axes ? ValuesIndices{values, indices} : ValuesIndices{squeeze(values, at), squeeze(indices, at)};
}

Tensor shared_extreme(const char* op, const Tensor& x, std::span<const int> axes, bool keep_axes, bool largest) {
  const std::vector<int> every = all_axes(x);
  const ReducedAxes over(op, x.shape(), axes.empty() ? std::span<const int>(every) : axes);
  require_something(op, x, over);
  Array y = x.value();
  for (const int axis : over.list) y = chosen(y, axis, largest).first;
  const ExtremeAttribute attribute{over.kept, largest, true};
  const Tensor result =
      record({Op::maximum_of_axis, attribute}, {x}, y,
             [x = saved(x), y = saved(y), list = over.list](const Array& dy, Node& node) {
               const Tensor equal = to(eq(Tensor(x.get()), Tensor(y.get())), dy.dtype());
               const Tensor share = Tensor(dy) / sum(equal, list, true);
               kernels_of<ElementwiseKernels>(dy).binary(Multiply{}, equal.value(), share.value(), node.slot(0));
             });
  return reshape(result, over.result(keep_axes));
}

Tensor place(const char* op, const Tensor& x, int axis, bool keep_axes, bool largest) {
  const Quiet quiet;
  return extreme(op, x.detach(), axis, keep_axes, largest).indices;
}

}  // namespace

ValuesIndices max(const Tensor& x, int axis, bool keep_axes) { return extreme("max", x, axis, keep_axes, true); }
ValuesIndices min(const Tensor& x, int axis, bool keep_axes) { return extreme("min", x, axis, keep_axes, false); }
Tensor max(const Tensor& x) { return shared_extreme("max", x, {}, false, true); }
Tensor min(const Tensor& x) { return shared_extreme("min", x, {}, false, false); }
Tensor max(const Tensor& a, const Tensor& b) { return maximum(a, b); }
Tensor min(const Tensor& a, const Tensor& b) { return minimum(a, b); }

Tensor amax(const Tensor& x) { return shared_extreme("amax", x, {}, false, true); }
Tensor amin(const Tensor& x) { return shared_extreme("amin", x, {}, false, false); }
Tensor amax(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return shared_extreme("amax", x, axes, keep_axes, true);
}
Tensor amin(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return shared_extreme("amin", x, axes, keep_axes, false);
}

Tensor argmax(const Tensor& x, int axis, bool keep_axes) { return place("argmax", x, axis, keep_axes, true); }
Tensor argmin(const Tensor& x, int axis, bool keep_axes) { return place("argmin", x, axis, keep_axes, false); }
Tensor argmax(const Tensor& x) { return argmax(ravel(x), 0); }
Tensor argmin(const Tensor& x) { return argmin(ravel(x), 0); }

MinMax aminmax(const Tensor& x) {
  return {shared_extreme("aminmax", x, {}, false, false), shared_extreme("aminmax", x, {}, false, true)};
}
MinMax aminmax(const Tensor& x, int axis, bool keep_axes) {
  if (x.rank() == 0) return aminmax(x);
  return {amin(x, axis, keep_axes), amax(x, axis, keep_axes)};
}

}  // namespace joist
