// Convolution and its transpose.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/fused_convolution.h>

#include <span>
#include <vector>

namespace joist {

/// Options have one entry per spatial axis; equal entries may be given once, and the defaults fit every rank.
/// x [batch, in, length], weight [out, in/groups, kernel_length], bias [out] or undefined.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvolutionOptions& options = {});
/// x [batch, in, height, width], weight [out, in/groups, kernel_height, kernel_width], bias [out] or undefined.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvolutionOptions& options = {});
/// x [batch, in, depth, height, width], weight [out, in/groups, kernel_depth, kernel_height, kernel_width].
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvolutionOptions& options = {});

/// The same; `sums` of the result for the batch_norm() behind it, where taking them costs nothing, else they stay as
/// they are.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options,
              ChannelSums* sums);

/// conv2d(batch_norm(x, gamma, beta, running_mean, running_variance, normalization, training), weight, {}, options), as
/// one operation in training where the device has it: the normalized values are not stored, which saves passes over
/// memory where products are few (1x1 and depthwise convolutions on the CPU). Listeners see the two. of_x: what
/// conv2d() found of x; of_y: as its `sums`.
Tensor normalized_conv2d(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                         const Tensor& running_variance, const BatchNormOptions& normalization, bool training,
                         const Tensor& weight, const ConvolutionOptions& options = {},
                         const ChannelSums* of_x = nullptr, ChannelSums* of_y = nullptr);

/// conv2d(concat(parts, 1), weight, {}, {}, sums) with weight [out, channels of all, 1, 1], without bringing the parts
/// together where the device can do without. Listeners see the two operations.
Tensor conv2d_of_joined(std::span<const Tensor> parts, const Tensor& weight, ChannelSums* sums = nullptr);

/// conv2d(x * gates, weight, {}, {}, sums) with gates [batch, channel, 1, 1] and weight [out, channel, 1, 1], without
/// storing the products where the device can do without. Listeners see the two operations.
Tensor gated_conv2d(const Tensor& x, const Tensor& gates, const Tensor& weight, ChannelSums* sums = nullptr);

/// PyTorch's padding="valid" and "same"; `same` keeps the lengths, with the odd element after, and wants stride 1.
enum class Padding : std::uint8_t { valid, same };
/// options.padding is ignored.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options = {});
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options = {});
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, Padding padding,
              const ConvolutionOptions& options = {});

struct TransposedConvolutionOptions {
  Shape stride{1, 1};
  Shape padding{0, 0};         ///< taken off before and after
  Shape output_padding{0, 0};  ///< added after; below the stride or the dilation
  Shape dilation{1, 1};
  std::int64_t groups = 1;
};

/// The transpose of a convolution (its gradient with respect to the input): x [batch, in, length ...], weight
/// [in, out/groups, kernel_length ...], bias [out] or undefined -> [batch, out, (length - 1) · stride - 2 · padding +
/// dilation · (kernel - 1) + output_padding + 1 ...].
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const TransposedConvolutionOptions& options = {});
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const TransposedConvolutionOptions& options = {});
Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const TransposedConvolutionOptions& options = {});

}  // namespace joist
