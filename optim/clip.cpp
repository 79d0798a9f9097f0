#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/clip.h>

#include <cmath>
#include <numeric>

namespace joist {

double clip_gradient_norm(FlatParameters& parameters, double max_norm) {
  if (!(max_norm > 0))
    throw UsageError(
        {.where = "clip_gradient_norm", .what = "a maximum of " + std::to_string(max_norm), .expected = "above 0"});
  parameters.complete_gradients();
  const Array& gradients = parameters.gradients();
  const Kernels& table = kernels(gradients);
  const Array total = Array::empty({1}, Dtype::float64, gradients.device());
  table.optimizer.square_sum(gradients, total);
  const double norm = std::sqrt(total.item());
  if (std::isfinite(norm) && norm > max_norm) {
    const Affine scale{.scale = max_norm / (norm + 1e-6)};
    table.elementwise.unary(scale, gradients, {gradients, false});
  }
  return norm;
}

void clip_gradient_value(FlatParameters& parameters, double limit) {
  if (!(limit > 0))
    throw UsageError(
        {.where = "clip_gradient_value", .what = "a limit of " + std::to_string(limit), .expected = "above 0"});
  parameters.complete_gradients();
  const Array& gradients = parameters.gradients();
  kernels(gradients).elementwise.unary(Clamp{.low = -limit, .high = limit}, gradients, {gradients, false});
}

void clip_gradient_units(FlatParameters& parameters, double clip, double eps) {
  if (!(clip > 0) || !(eps >= 0))
    throw UsageError({.where = "clip_gradient_units",
                      .what = "clip " + std::to_string(clip) + ", eps " + std::to_string(eps),
                      .expected = "clip above 0, eps ≥ 0"});
  const NoGradient quiet;
  parameters.complete_gradients();
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    const int rank = slice.tensor.rank();
    std::vector<int> axes(static_cast<std::size_t>(rank < 2 ? rank : rank - 1));
    std::iota(axes.begin(), axes.end(), rank < 2 ? 0 : 1);
    const auto norm_of = [&](const Array& x) { return sqrt(sum(square(Tensor(x)), axes, true)); };
    const Array gradient = parameters.part(parameters.gradients(), slice);
    const Tensor limit = clip * clamp_min(norm_of(parameters.part(parameters.values(), slice)), eps);
    const Tensor factor = clamp_max(limit / clamp_min(norm_of(gradient), 1e-6), 1);
    kernels(gradient).elementwise.binary(Multiply{}, gradient, factor.value().expanded(gradient.shape()),
                                         {gradient, false});
  }
}

}  // namespace joist
