// Convolution, normalization and activation under torchvision's names, and the channels that its models round to.
#pragma once

#include <joist/layers/convolution.h>

#include <algorithm>
#include <cstdint>

namespace joist {

/// The multiple of `divisor` nearest to `channels`, at least `divisor`, and at most a tenth below (Howard et al. 2017).
inline std::int64_t divisible_channels(double channels, std::int64_t divisor = 8) {
  const auto nearest = static_cast<std::int64_t>(channels + static_cast<double>(divisor) / 2) / divisor * divisor;
  const std::int64_t rounded = std::max(divisor, nearest);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + divisor : rounded;
}

/// Convolution without bias, normalization, activation: members 0 and 1 of torchvision's Conv2dNormActivation.
struct ConvNormUnit {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t kernel = 3, stride = 1, groups = 1;
    Unary activation = Clamp{0, 6};
    double epsilon = 1e-5, momentum = 0.1;
  };
  explicit ConvNormUnit(const Options& o)
      : conv({.in = o.in, .out = o.out, .kernel = o.kernel, .stride = o.stride, .groups = o.groups, .bias = false}),
        bn({.channels = o.out, .epsilon = o.epsilon, .momentum = o.momentum, .activation = o.activation}) {
    conv.weight = init::he_normal_fan_out(conv.weight.shape());
  }
  Tensor operator()(const Tensor& x) const { return bn(conv(x)); }
  auto fields() { return joist::fields("0", conv, "1", bn); }
  Conv2d conv;
  BatchNorm2d bn;
};

}  // namespace joist
