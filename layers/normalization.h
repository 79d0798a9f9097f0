// Normalization layers.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

namespace joist {

struct BatchNorm2dOptions {
  Required<std::int64_t> channels;
  double epsilon = 1e-5;
  double momentum = 0.1;
  Unary activation{};  ///< fused behind the normalization
};

/// torch.nn.BatchNorm2d, followed by an activation. Batch statistics while training(), running ones otherwise.
struct BatchNorm2d {
  explicit BatchNorm2d(const BatchNorm2dOptions& given)
      : options{.epsilon = given.epsilon, .momentum = given.momentum, .activation = given.activation},
        weight(init::constant({given.channels}, 1)),
        bias(init::constant({given.channels}, 0)),
        running_mean(init::constant_buffer({given.channels}, 0)),
        running_var(init::constant_buffer({given.channels}, 1)) {}

  Tensor operator()(const Tensor& x) const {
    return batch_norm(x, weight, bias, running_mean, running_var, options, training());
  }
  auto fields() {
    return joist::fields("weight", weight, "bias", bias, "running_mean", running_mean, "running_var", running_var);
  }

  BatchNormOptions options;
  Parameter weight, bias;            // [channels]
  Buffer running_mean, running_var;  // [channels]
};

}  // namespace joist
