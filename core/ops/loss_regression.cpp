// Elementwise losses; the derivatives are those of the scalar functions that they consist of.
// poisson, full: + t log t - t + log(2πt) / 2 where t > 1      gaussian: (log v + (x - t)² / v) / 2, v not below eps
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <numbers>

namespace joist {

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  require_pair("mse_loss", input, target);
  return reduced(apply(SquaredDifference{}, input, target), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  require_pair("l1_loss", input, target);
  return reduced(apply(AbsoluteDifference{}, input, target), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, double delta, Reduction reduction) {
  require_pair("huber_loss", input, target);
  require_option("huber_loss", delta > 0, "delta", delta, "a number above 0");
  return reduced(apply(HuberDifference{delta, false}, input, target), reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta, Reduction reduction) {
  require_pair("smooth_l1_loss", input, target);
  require_option("smooth_l1_loss", beta >= 0, "beta", beta, "0 or more");
  if (beta == 0) return l1_loss(input, target, reduction);
  return reduced(apply(HuberDifference{beta, true}, input, target), reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, bool log_target, Reduction reduction) {
  require_pair("kl_div", input, target);
  if (log_target) return reduced(exp(target) * (target - input), reduction);
  return reduced(xlogy(target, target) - target * input, reduction);
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, const PoissonOptions& options) {
  require_same_shape("poisson_nll_loss", input, target);
  require_option("poisson_nll_loss", options.eps >= 0, "eps", options.eps, "0 or more");
  const Tensor t = as_numbers(target, input);
  Tensor losses = options.log_input ? exp(input) - t * input : input - t * log(input + options.eps);
  if (options.full) {
    const Tensor above = gt(t, 1);
    const Tensor safe = where(above, t, 1.0);  // no logarithm of 0, whose gradient would be NaN
    const Tensor stirling = safe * log(safe) - safe + log(safe * (2 * std::numbers::pi)) * 0.5;
    losses = losses + where(above, stirling, 0.0);
  }
  return reduced(losses, options.reduction);
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& variance,
                         const GaussianOptions& options) {
  require_pair("gaussian_nll_loss", input, target);
  require_same_device("gaussian_nll_loss", input, variance);
  require_option("gaussian_nll_loss", options.eps > 0, "eps", options.eps, "a number above 0");
  const Shape& shape = input.shape();
  const bool flat = shape.rank() > 0 && variance.shape() == shape.without(-1);
  const bool fits = variance.shape() == shape || flat || (shape.rank() > 0 && variance.shape() == shape.with(-1, 1)) ||
                    variance.rank() == 0;
  if (!fits)
    throw ShapeError({.where = "gaussian_nll_loss",
                      .what = "input " + shape.text() + ", variance " + variance.shape().text(),
                      .expected = "the input's shape, or that with its last axis left out or of length 1",
                      .remedy = "one variance for each number or for each row"});
  const Tensor v = flat && variance.shape() != shape ? reshape(variance, shape.with(-1, 1)) : variance;
  if (to(sum(to(lt(v, 0), v.dtype())), cpu).item() > 0)
    throw DataError({.where = "gaussian_nll_loss",
                     .what = "a negative variance",
                     .expected = "variances of 0 or more",
                     .remedy = "softplus or exp of what the model predicts"});
  // As in PyTorch the bound changes the value, not the gradient.
  const Tensor difference = clamp_min(v.detach(), options.eps) - v.detach();
  const Tensor bounded = v + difference;
  Tensor losses = (log(bounded) + apply(SquaredDifference{}, input, target) / bounded) * 0.5;
  if (options.full) losses = losses + 0.5 * std::log(2 * std::numbers::pi);
  return reduced(losses, options.reduction);
}

}  // namespace joist
