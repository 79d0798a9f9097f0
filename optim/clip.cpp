#include <joist/core/kernels.h>
#include <joist/optim/clip.h>

#include <cmath>

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
    const Affine scale{.scale = static_cast<float>(max_norm / (norm + 1e-6))};
    table.elementwise.unary(scale, gradients, {gradients, false});
  }
  return norm;
}

}  // namespace joist
