// y = scale · Σ x over axes      dx = scale · dy, spread over those axes
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/reduction.h>

namespace joist {
namespace {

Tensor scaled_sum(const Tensor& x, std::span<const int> axes, bool keep_axes, bool average) {
  Shape kept = x.shape();
  std::int64_t count = 1;
  std::array<bool, Shape::max_rank> reduced{};
  for (int given : axes) {
    const int axis = x.shape().axis(given);
    if (std::exchange(reduced[static_cast<std::size_t>(axis)], true))
      throw ShapeError({.where = "sum", .what = "axis " + std::to_string(given) + " stands twice"});
    count *= kept[axis];
    kept[axis] = 1;
  }
  const double scale = average ? 1.0 / static_cast<double>(count) : 1.0;
  Array y = Array::like(x.value(), kept);
  kernels_of<ReductionKernels>(x.value()).sum(x.value(), scale, {y, false});
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
      {Op::sum, attribute}, {x}, std::move(seen), [kept, scale, full = x.shape()](const Array& dy, Node& node) {
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

std::vector<int> all_axes(const Tensor& x) {
  std::vector<int> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

Tensor sum(const Tensor& x) { return scaled_sum(x, all_axes(x), false, false); }
Tensor mean(const Tensor& x) { return scaled_sum(x, all_axes(x), false, true); }
Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keep_axes) {
  return scaled_sum(x, std::span(axes.begin(), axes.size()), keep_axes, false);
}
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keep_axes) {
  return scaled_sum(x, std::span(axes.begin(), axes.size()), keep_axes, true);
}

}  // namespace joist
