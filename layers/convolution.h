// Convolution, alone and with batch normalization and activation.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/normalization.h>
#include <joist/layers/per_axis.h>
#include <joist/layers/required.h>

#include <cmath>
#include <span>
#include <string>

namespace joist {

struct ConvOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> out;
  PerAxis kernel = 3;
  PerAxis stride = 1;
  LayerPadding padding = -1;  ///< -1: (kernel - 1) / 2 · dilation, which keeps the size at stride 1 for odd kernels
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::constant;  ///< constant: zeros
};

/// torch.nn.Conv1d, Conv2d and Conv3d: [batch, in, length ...] -> [batch, out, length' ...]. Throws UsageError for
/// options that fit no input.
template <int axes>
struct Convolution {
  explicit Convolution(const ConvOptions& given)
      : options{.stride = given.stride.on(axes, name(), "stride", 1),
                .dilation = given.dilation.on(axes, name(), "dilation", 1),
                .groups = given.groups},
        same(given.padding.same()),
        padding_mode(given.padding_mode),
        weight(init::fan_in_uniform(weight_shape(given))) {
    options.padding = given.padding.on(axes, name(), -1);
    for (int i = 0; i < axes; ++i)
      if (options.padding[i] < 0) options.padding[i] = (weight.shape(2 + i) - 1) / 2 * options.dilation[i];
    if (same && options.stride != Shape::filled(axes, 1))
      throw UsageError({.where = name(),
                        .what = "padding same with stride " + options.stride.text(),
                        .expected = "stride 1",
                        .remedy = "padding as numbers"});
    if (given.bias)
      bias = init::uniform({given.out}, 1.0 / std::sqrt(static_cast<double>(weight.shape().elements(1, axes + 2))));
  }

  Tensor operator()(const Tensor& x) const {
    if (padding_mode != PadMode::constant) {
      ConvolutionOptions inside = options;
      inside.padding = Shape::filled(axes, 0);
      return convolved(pad(x, around(x)), inside);
    }
    if (!same) return convolved(x, options);
    if constexpr (axes == 1) return conv1d(x, weight, bias, Padding::same, options);
    if constexpr (axes == 2) return conv2d(x, weight, bias, Padding::same, options);
    if constexpr (axes == 3) return conv3d(x, weight, bias, Padding::same, options);
  }
  /// The same; `sums` of the result for the normalization behind it, where taking them costs nothing.
  Tensor operator()(const Tensor& x, ChannelSums* sums) const requires(axes == 2) {
    const bool plain = padding_mode == PadMode::constant && !same && training();
    return plain ? conv2d(x, weight, bias, options, sums) : (*this)(x);
  }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  ConvolutionOptions options;
  bool same;
  PadMode padding_mode;
  Parameter weight;  // [out, in/groups, kernel ...]
  Parameter bias{};  // [out]

 private:
  static std::string name() { return layer_name("Conv", axes); }
  static Shape weight_shape(const ConvOptions& given) {
    require_grouped(name(), given.in, given.out, given.groups);
    const Shape kernel = given.kernel.on(axes, name(), "kernel", 1);
    return kernel.inserted(0, given.in / given.groups).inserted(0, given.out);
  }
  Tensor convolved(const Tensor& x, const ConvolutionOptions& with) const {
    if constexpr (axes == 1) return conv1d(x, weight, bias, with);
    if constexpr (axes == 2) return conv2d(x, weight, bias, with);
    if constexpr (axes == 3) return conv3d(x, weight, bias, with);
  }
  PadOptions around(const Tensor& x) const {
    PadOptions amounts{Shape::filled(x.rank(), 0), Shape::filled(x.rank(), 0), padding_mode};
    for (int i = 0; i < axes && x.rank() == axes + 2; ++i) {
      const std::int64_t total = same ? options.dilation[i] * (weight.shape(2 + i) - 1) : 2 * options.padding[i];
      amounts.before[2 + i] = total / 2;
      amounts.after[2 + i] = total - total / 2;
    }
    return amounts;
  }
};
using Conv1d = Convolution<1>;
using Conv2d = Convolution<2>;
using Conv3d = Convolution<3>;
using Conv2dOptions = ConvOptions;

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
      : conv({.in = checked(options).in,
              .out = options.out,
              .kernel = options.kernel,
              .stride = options.stride,
              .groups = options.groups,
              .bias = false}),
        bn({.channels = options.out,
            .epsilon = options.epsilon,
            .momentum = options.momentum,
            .activation = options.activation}) {}

  Tensor operator()(const Tensor& x) const {
    ChannelSums sums;
    const Tensor y = conv(x, &sums);
    return bn(y, &sums);
  }
  /// Of tensors side by side along the channels, which a 1x1 convolution need not bring together.
  Tensor operator()(std::span<const Tensor> parts) const {
    if (conv.weight.shape().elements(2, 4) != 1 || conv.options.stride != Shape{1, 1} || conv.options.groups != 1)
      return (*this)(concat(parts, 1));
    ChannelSums sums;
    const Tensor y = conv2d_of_joined(parts, conv.weight, training() ? &sums : nullptr);
    return bn(y, &sums);
  }
  auto fields() { return joist::fields("conv", conv, "bn", bn); }

  Conv2d conv;
  BatchNorm2d bn;

 private:
  static const ConvNormOptions& checked(const ConvNormOptions& options) {
    require_grouped("ConvNorm", options.in, options.out, options.groups);
    require_positive("ConvNorm", "kernel", options.kernel);
    require_positive("ConvNorm", "stride", options.stride);
    return options;
  }
};

}  // namespace joist
