// Convolution, alone and with batch normalization and activation.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/init.h>
#include <joist/layers/normalization.h>
#include <joist/layers/required.h>

#include <cmath>

namespace joist {

struct Conv2dOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> out;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t padding = -1;  ///< -1: (kernel - 1) / 2 · dilation, which keeps the size at stride 1 for odd kernels
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// torch.nn.Conv2d with square windows: [batch, in, height, width] -> [batch, out, height', width'].
struct Conv2d {
  explicit Conv2d(const Conv2dOptions& given)
      : options{.stride = {given.stride, given.stride},
                .dilation = {given.dilation, given.dilation},
                .groups = given.groups},
        weight(init::fan_in_uniform({given.out, given.in / given.groups, given.kernel, given.kernel})) {
    const std::int64_t padding = given.padding >= 0 ? given.padding : (given.kernel - 1) / 2 * given.dilation;
    options.padding = {padding, padding};
    if (given.bias)
      bias = init::uniform({given.out}, 1.0 / std::sqrt(static_cast<double>(weight.shape().elements(1, 4))));
  }

  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options); }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  ConvolutionOptions options;
  Parameter weight;  // [out, in/groups, kernel, kernel]
  Parameter bias{};  // [out]
};

struct ConvNormOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> out;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  Unary activation = Silu{};
  double epsilon = 1e-3;
  double momentum = 0.03;
};

/// Convolution without bias, batch normalization and activation, the last two as one operation.
struct ConvNorm {
  explicit ConvNorm(const ConvNormOptions& options)
      : conv({.in = options.in,
              .out = options.out,
              .kernel = options.kernel,
              .stride = options.stride,
              .groups = options.groups,
              .bias = false}),
        bn({.channels = options.out,
            .epsilon = options.epsilon,
            .momentum = options.momentum,
            .activation = options.activation}) {}

  Tensor operator()(const Tensor& x) const { return bn(conv(x)); }
  auto fields() { return joist::fields("conv", conv, "bn", bn); }

  Conv2d conv;
  BatchNorm2d bn;
};

}  // namespace joist
