// Losses of regression. Input and target have one shape; gradients reach both.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/ops/loss.h>

namespace joist {

/// (input - target)²
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// |input - target|
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// With d = |input - target|: d² / 2 below delta, delta (d - delta / 2) above.
Tensor huber_loss(const Tensor& input, const Tensor& target, double delta = 1, Reduction reduction = Reduction::mean);
/// huber_loss / beta; beta 0 is l1_loss.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);
/// target (log target - input), input being logarithms of probabilities; log_target: the target too. As in PyTorch the
/// mean is over all elements; Reduction::batch_mean is the divergence.
Tensor kl_div(const Tensor& input, const Tensor& target, bool log_target = false,
              Reduction reduction = Reduction::mean);

struct PoissonOptions {
  bool log_input = true;  ///< the input is the logarithm of the rate
  bool full = false;      ///< with Stirling's term for targets above 1
  double eps = 1e-8;      ///< added to a rate before its logarithm is taken
  Reduction reduction = Reduction::mean;
};
/// exp(input) - target · input, or input - target log(input + eps).
Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, const PoissonOptions& options = {});

struct GaussianOptions {
  bool full = false;  ///< with log(2π) / 2
  double eps = 1e-6;  ///< smaller variances count as this
  Reduction reduction = Reduction::mean;
};
/// (log variance + (input - target)² / variance) / 2. The variance has the input's shape, or that without the last axis
/// or with length 1 there. Throws DataError for a negative variance.
Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& variance,
                         const GaussianOptions& options = {});

}  // namespace joist
