// Normalization.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/normalization.h>

#include <span>
#include <vector>

namespace joist {

/// Over all axes but axis 1, with the activation in options. In training the batch's statistics normalize and update
/// the running ones; otherwise the running ones normalize.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& options, bool training);

}  // namespace joist
