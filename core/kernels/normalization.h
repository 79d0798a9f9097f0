// Batch, layer and group normalization.
#pragma once

#include <joist/core/elementwise.h>
#include <joist/core/kernels/kernel.h>

namespace joist {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< running = (1 - momentum) * running + momentum * batch (variance unbiased)
  Unary activation{};     ///< applied to the normalized value, in the same pass
};

/// Batch normalization over all axes but axis 1 (channels), followed by an activation.
/// z = gamma * (x - mean) * inverse_deviation + beta; y = activation(z). All vectors [channels].
struct BatchNormKernels {
  /// Writes the batch's mean and inverse deviation 1/sqrt(biased variance + epsilon); updates the running statistics
  /// unless undefined.
  Kernel<void(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions&, const Array& running_mean,
              const Array& running_variance, const Out& y, const Array& mean, const Array& inverse_deviation)>
      train{"batch_norm"};
  /// With given statistics.
  Kernel<void(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions&, const Array& mean,
              const Array& variance, const Out& y)>
      evaluate{"batch_norm_evaluate"};
  /// Gradients; with `fixed_statistics` mean and deviation are constants. Any Out with an undefined array is not
  /// wanted.
  Kernel<void(const Array& x, const Array& dy, const Array& gamma, const Array& beta, const Array& mean,
              const Array& inverse_deviation, const BatchNormOptions&, bool fixed_statistics, const Out& dx,
              const Out& dgamma, const Out& dbeta)>
      backward{"batch_norm_backward"};
};

/// Normalization of rows: x [rows, n] -> y = (x - mean) / √(variance + epsilon) per row (biased variance), times gamma
/// [n] plus beta [n] where defined. `root`: no mean is taken off, RMS normalization (Zhang & Sennrich 2019).
struct LayerNormOptions {
  double epsilon = 1e-5;
  bool root = false;
};
struct LayerNormKernels {
  /// mean (undefined for `root`) and inverse_deviation [rows] are written for backward.
  Kernel<void(const Array& x, const Array& gamma, const Array& beta, const LayerNormOptions&, const Out& y,
              const Array& mean, const Array& inverse_deviation)>
      forward{"layer_norm"};
  /// Undefined arrays: not wanted.
  Kernel<void(const Array& x, const Array& dy, const Array& gamma, const Array& mean, const Array& inverse_deviation,
              const LayerNormOptions&, const Out& dx, const Out& dgamma, const Out& dbeta)>
      backward{"layer_norm_backward"};
};

}  // namespace joist
