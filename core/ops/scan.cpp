// cumsum:       y[i] = Σ_{j ≤ i} x[j]             dx[i] = Σ_{j ≥ i} dy[j]
// cumprod:      y[i] = Π_{j ≤ i} x[j]             dx[i] = Σ_{j ≥ i} dy[j] Π_{k ≤ j, k ≠ i} x[k]
// logcumsumexp: y[i] = log Σ_{j ≤ i} exp(x[j])    dx[i] = Σ_{j ≥ i} dy[j] exp(x[i] - y[j])
// cummax:       y[i] = x[index[i]]                dx[index[i]] += dy[i]
#include <joist/core/kernels/scan.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/index_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/scan.h>

namespace joist {
namespace {

struct ExtremeAttribute {
  int axis = 0;
  bool largest = true;
};

// Totals of integers are int64, as in PyTorch.
Tensor summable(const Tensor& x) { return is_floating(x.dtype()) ? x : to(x, Dtype::int64); }

// A tensor without axes has one place along axis 0.
template <class Scan>
Tensor along(const Tensor& x, int axis, const Scan& scan) {
  if (x.rank() == 0) {
    static_cast<void>(Shape{1}.axis(axis));
    return reshape(scan(reshape(x, {1}), 0), Shape{});
  }
  return scan(x, x.shape().axis(axis));
}

ValuesIndices extreme(const Tensor& x, int axis, bool largest) {
  if (x.rank() == 0) {
    const ValuesIndices one = extreme(reshape(x, {1}), axis, largest);
    return {reshape(one.values, Shape{}), reshape(one.indices, Shape{})};
  }
  const int at = x.shape().axis(axis);
  Array y = Array::like(x.value()), index = Array::empty(x.shape(), Dtype::int64, x.device());
  if (y.elements() > 0) kernels_of<ScanKernels>(y).extreme(x.value(), at, largest, {y, false}, index);
  const Tensor values =
      record({Op::cumulative_extreme, ExtremeAttribute{at, largest}}, {x}, std::move(y),
             [at, index = saved(index)](const Array& dy, Node& node) { place_along(dy, at, index, node.slot(0)); });
  return {values, Tensor(index)};
}

void require_places(const char* op, const Tensor& y, const Tensor& x, int axis) {
  if (x.rank() == 1 ? x.shape(0) != y.shape(axis) : x.shape() != y.shape())
    throw ShapeError(
        {.where = op,
         .what = "places " + x.shape().text() + " for values " + y.shape().text() + ", axis " + std::to_string(axis),
         .expected = "a place for each value along the axis, or places like the values"});
}

// The areas between neighbours: their mean times the step.
Tensor areas(const Tensor& y, int axis) {
  const std::int64_t n = y.shape(axis);
  if (n == 0) return slice(y, axis, 0, 0);
  return (slice(y, axis, 1, n) + slice(y, axis, 0, n - 1)) * 0.5;
}
Tensor areas(const char* op, const Tensor& y, const Tensor& x, int axis) {
  const int at = y.shape().axis(axis);
  require_places(op, y, x, at);
  Tensor steps = diff(x, 1, x.rank() == 1 ? 0 : at);
  if (x.rank() == 1 && y.rank() > 1) {
    Shape wide = Shape::filled(y.rank(), 1);
    wide[at] = steps.shape(0);
    steps = reshape(steps, wide);
  }
  return areas(y, at) * steps;
}

}  // namespace

Tensor cumsum(const Tensor& given, int axis) {
  return along(summable(given), axis, [](const Tensor& x, int at) {
    Array y = Array::like(x.value());
    kernels_of<ScanKernels>(y).sum(x.value(), at, false, {y, false});
    return record({Op::cumulative_sum, AxisAttribute{at}}, {x}, std::move(y),
                  [at](const Array& dy, Node& node) { kernels_of<ScanKernels>(dy).sum(dy, at, true, node.slot(0)); });
  });
}

Tensor cumprod(const Tensor& given, int axis) {
  return along(summable(given), axis, [](const Tensor& x, int at) {
    Array y = Array::like(x.value());
    kernels_of<ScanKernels>(y).product(x.value(), at, {y, false});
    return record({Op::cumulative_product, AxisAttribute{at}}, {x}, std::move(y),
                  [at, x = saved(x)](const Array& dy, Node& node) {
                    kernels_of<ScanKernels>(dy).product_backward(x, dy, at, node.slot(0));
                  });
  });
}

Tensor logcumsumexp(const Tensor& given, int axis) {
  return along(is_floating(given.dtype()) ? given : to(given, Dtype::float32), axis, [](const Tensor& x, int at) {
    Array y = Array::like(x.value());
    kernels_of<ScanKernels>(y).log_sum_exp(x.value(), at, {y, false});
    return record({Op::log_cumulative_sum_exp, AxisAttribute{at}}, {x}, y,
                  [at, x = saved(x), y = saved(y)](const Array& dy, Node& node) {
                    kernels_of<ScanKernels>(dy).log_sum_exp_backward(x, y, dy, at, node.slot(0));
                  });
  });
}

ValuesIndices cummax(const Tensor& x, int axis) { return extreme(x, axis, true); }
ValuesIndices cummin(const Tensor& x, int axis) { return extreme(x, axis, false); }

Tensor diff(const Tensor& given, int n, int axis, const Tensor& prepend, const Tensor& append) {
  if (given.rank() < 1 || n < 0)
    throw UsageError({.where = "diff",
                      .what = "order " + std::to_string(n) + " of input " + given.shape().text(),
                      .expected = "an order of at least 0 and an input of at least one axis"});
  const int at = given.shape().axis(axis);
  if (n == 0) return given;  // as in PyTorch, without what would be joined on
  Tensor x = given;
  if (prepend.defined()) x = concat({prepend, x}, at);
  if (append.defined()) x = concat({x, append}, at);
  for (int i = 0; i < n && x.shape(at) > 0; ++i) {
    const Tensor later = slice(x, at, 1, x.shape(at)), earlier = slice(x, at, 0, x.shape(at) - 1);
    x = x.dtype() == Dtype::boolean ? logical_xor(later, earlier) : later - earlier;
  }
  return x;
}

Tensor trapezoid(const Tensor& y, double step, int axis) {
  const int at = y.shape().axis(axis);
  return sum(areas(y, at), at) * step;
}
Tensor trapezoid(const Tensor& y, const Tensor& x, int axis) { return sum(areas("trapezoid", y, x, axis), axis); }
Tensor cumulative_trapezoid(const Tensor& y, double step, int axis) {
  const int at = y.shape().axis(axis);
  return cumsum(areas(y, at), at) * step;
}
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int axis) {
  return cumsum(areas("cumulative_trapezoid", y, x, axis), axis);
}

}  // namespace joist
