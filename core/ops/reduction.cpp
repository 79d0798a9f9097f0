// sum, mean: y = scale · Σ x over axes      dx = scale · dy, spread over those axes
// prod:      y = Π x over an axis           dx = dy · the product of all others
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/axes.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <limits>

namespace joist {
namespace {

Tensor scaled_sum(const char* op, const Tensor& x, std::span<const int> axes, bool keep_axes, bool average) {
  const ReducedAxes over(op, x.shape(), axes);
  const auto& [reduced, list, kept, dropped, count] = over;
  const bool floating = is_floating(x.dtype());
  if (average) require_floating(op, x);
  const double scale = average ? 1.0 / static_cast<double>(count) : 1.0;
  Array y = floating ? Array::like(x.value(), kept) : Array::empty(kept, Dtype::int64, x.device());
  const bool nothing = average && count == 0;  // 0 · ∞: NaN, whatever a kernel makes of it
  kernels_of<ReductionKernels>(x.value()).sum(x.value(), nothing ? 1 : scale, {y, false});
  if (nothing) kernels_of<ElementwiseKernels>(y).fill(std::numeric_limits<double>::quiet_NaN(), y);
  Array seen = y;
  if (!keep_axes) {
    Shape shape = kept, strides = y.strides();
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      if (!reduced[static_cast<std::size_t>(axis)]) continue;
      shape = shape.without(axis);
      strides = strides.without(axis);
    }
    seen = y.strided(shape, strides);
  }
  const SumAttribute attribute{kept, scale, keep_axes};
  return record(
      {Op::sum, attribute}, {x}, std::move(seen), [kept = kept, scale, full = x.shape()](const Array& dy, Node& node) {
        const Array view = dy.shape() == kept  ? dy
                           : dy.is_row_major() ? dy.view(kept)
                                               : [&] {
                                                   Array dense = Array::empty(dy.shape(), dy.dtype(), dy.device());
                                                   kernels_of<ElementwiseKernels>(dy).copy(dy, {dense, false});
                                                   return dense.view(kept);
                                                 }();
        kernels_of<ElementwiseKernels>(dy).unary(Affine{scale, 0}, view.expanded(full), node.slot(0));
      });
}

// x with 0 instead of NaN.
Tensor without_nan(const Tensor& x) {
  return is_floating(x.dtype()) ? where(isnan(x), Tensor::full({}, 0, x.dtype(), x.device()), x) : x;
}

Tensor truth(const Tensor& x) { return x.dtype() == Dtype::boolean ? x : ne(x, 0); }

}  // namespace

Tensor sum(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return scaled_sum("sum", x, axes, keep_axes, false);
}
Tensor mean(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return scaled_sum("mean", x, axes, keep_axes, true);
}
Tensor nansum(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return scaled_sum("nansum", without_nan(x), axes, keep_axes, false);
}
Tensor nanmean(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  const Tensor total = nansum(x, axes, keep_axes);
  return total / to(sum(logical_not(isnan(x)), axes, keep_axes), total.dtype());
}

Tensor count_nonzero(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return sum(truth(x.detach()), axes, keep_axes);
}
Tensor any(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return gt(count_nonzero(x, axes, keep_axes), 0);
}
Tensor all(const Tensor& x, std::span<const int> axes, bool keep_axes) {
  return eq(sum(logical_not(truth(x.detach())), axes, keep_axes), 0);
}

Tensor sum(const Tensor& x) { return sum(x, all_axes(x)); }
Tensor mean(const Tensor& x) { return mean(x, all_axes(x)); }
Tensor nansum(const Tensor& x) { return nansum(x, all_axes(x)); }
Tensor nanmean(const Tensor& x) { return nanmean(x, all_axes(x)); }
Tensor count_nonzero(const Tensor& x) { return count_nonzero(x, all_axes(x)); }
Tensor any(const Tensor& x) { return any(x, all_axes(x)); }
Tensor all(const Tensor& x) { return all(x, all_axes(x)); }

Tensor prod(const Tensor& x, int axis, bool keep_axes) {
  if (x.rank() == 0) return prod(reshape(x, {1}), axis, false);
  const int at = x.shape().axis(axis);
  const bool floating = is_floating(x.dtype());
  Array y = floating ? Array::like(x.value(), x.shape().with(at, 1))
                     : Array::empty(x.shape().with(at, 1), Dtype::int64, x.device());
  kernels_of<ReductionKernels>(x.value()).product(x.value(), at, {y, false});
  const Tensor result =
      record({Op::product, AxisAttribute{at}}, {x}, std::move(y), [at, x = saved(x)](const Array& dy, Node& node) {
        kernels_of<ReductionKernels>(dy).product_backward(x, dy, at, node.slot(0));
      });
  return keep_axes ? result : squeeze(result, at);
}
Tensor prod(const Tensor& x) { return prod(ravel(x), 0); }

}  // namespace joist
