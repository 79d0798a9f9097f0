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

/// Zeros around the last two axes as TensorFlow's and Keras's padding "same" adds them: result lengths are length /
/// stride rounded up, and what is odd comes after. PyTorch's symmetric padding is one place off where stride 2 meets an
/// even length.
inline Tensor pad_same(const Tensor& x, std::int64_t kernel, std::int64_t stride) {
  const auto total = [&](int axis) {
    const std::int64_t length = x.shape(axis);
    return std::max<std::int64_t>(((length + stride - 1) / stride - 1) * stride + kernel - length, 0);
  };
  const std::int64_t wide = total(-1), high = total(-2);
  return pad(x, {wide / 2, wide - wide / 2, high / 2, high - high / 2});
}

/// Convolution without bias, normalization, activation: members 0 and 1 of torchvision's Conv2dNormActivation.
struct ConvNormUnit {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t kernel = 3, stride = 1, groups = 1;
    Unary activation = Clamp{0, 6};
    double epsilon = 1e-5, momentum = 0.1;
    bool same = false;  ///< padded by pad_same(), for weights that come from TensorFlow
  };
  explicit ConvNormUnit(const Options& o)
      : same_stride(o.same && o.stride > 1 ? o.stride : 0),
        conv({.in = o.in,
              .out = o.out,
              .kernel = o.kernel,
              .stride = o.stride,
              .padding = same_stride > 0 ? 0 : -1,
              .groups = o.groups,
              .bias = false}),
        bn({.channels = o.out, .epsilon = o.epsilon, .momentum = o.momentum, .activation = o.activation}) {
    conv.weight = init::he_normal_fan_out(conv.weight.shape());
  }
  /// A convolution's result that is yet to be normalized: by finished(), or by the convolution behind it as it reads.
  struct HandedOn {
    Tensor values{};
    ChannelSums sums{};               ///< of the values where they are known
    const BatchNorm2d* bn = nullptr;  ///< nullptr: nothing is left to do
    Tensor finished() const { return bn ? (*bn)(values, &sums) : values; }
    /// finished() and its mean over the pixels.
    Pooled pooled() const { return bn ? bn->pooled(values, &sums) : Pooled{values, global_average_pool(values)}; }
  };
  Tensor operator()(const Tensor& x) const { return hand_on(x).finished(); }
  HandedOn hand_on(const Tensor& x) const {
    HandedOn y{.bn = &bn};
    y.values = conv(same_stride > 0 ? pad_same(x, conv.weight.shape(-1), same_stride) : x, &y.sums);
    return y;
  }
  /// hand_on(x.finished()) in one operation, where the device has it.
  HandedOn hand_on(const HandedOn& x) const {
    if (!x.bn || same_stride > 0) return hand_on(x.finished());
    const auto now = x.bn->step(x.values);
    HandedOn y{.bn = &bn};
    y.values = normalized_conv2d(x.values, x.bn->weight, x.bn->bias, x.bn->running_mean, x.bn->running_var, now.options,
                                 now.batch_statistics, conv.weight, conv.options, &x.sums, &y.sums);
    return y;
  }
  /// hand_on(x * gates) of a 1x1 convolution in one operation, where the device has it; gates [batch, channel, 1, 1].
  HandedOn hand_on(const Tensor& x, const Tensor& gates) const {
    HandedOn y{.bn = &bn};
    y.values = gated_conv2d(x, gates, conv.weight, &y.sums);
    return y;
  }
  auto fields() { return joist::fields("0", conv, "1", bn); }
  std::int64_t same_stride;  ///< 0: the convolution pads
  Conv2d conv;
  BatchNorm2d bn;
};

}  // namespace joist
