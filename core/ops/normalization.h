// Normalization.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/fused_convolution.h>

#include <span>
#include <vector>

namespace joist {

/// Over all axes but axis 1, with the activation in options. In training the batch's statistics normalize and update
/// the running ones (undefined: none are kept); otherwise the running ones normalize. gamma and beta undefined: 1 and
/// 0. `sums`: what the convolution that made x found (convolution.h).
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& options, bool training,
                  const ChannelSums* sums = nullptr);

/// Values, and the mean [batch, channel, 1, 1] of each picture's channel.
struct Pooled {
  Tensor values{}, mean{};
};
/// batch_norm() of x [batch, channel, height, width] and global_average_pool() of its result, which squeeze and
/// excitation wants, as one operation in training where the device has it. Listeners see the two.
Pooled pooled_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                         const Tensor& running_variance, const BatchNormOptions& options, bool training,
                         const ChannelSums* sums = nullptr);

/// Over the last axes, which have the lengths `shape`: (x - mean) / √(variance + epsilon) · weight + bias, weight and
/// bias [shape] or undefined (Ba et al. 2016).
Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);
/// x / √(mean of x² + epsilon) · weight over the last axes (Zhang & Sennrich 2019). A negative epsilon: the distance
/// from 1 to the next number of x's element type.
Tensor rms_norm(const Tensor& x, const Shape& shape, const Tensor& weight = {}, double epsilon = -1);
/// x [batch, channels, ...] over groups of channels and all axes behind; weight and bias [channels] or undefined
/// (Wu & He 2018).
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);

struct InstanceNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;        ///< of the running statistics, which take the mean over the batch
  bool use_input_stats = true;  ///< else the running statistics normalize
};
/// x [batch, channels, ...] over all axes behind the channels (Ulyanov et al. 2016); vectors [channels] or undefined.
Tensor instance_norm(const Tensor& x, const Tensor& running_mean = {}, const Tensor& running_variance = {},
                     const Tensor& weight = {}, const Tensor& bias = {}, const InstanceNormOptions& options = {});
/// x / (k + alpha / size · Σ x²)^beta, summed over `size` neighbouring channels, c - size / 2 … c + (size - 1) / 2
/// (Krizhevsky et al. 2012). x [batch, channels, ...].
Tensor local_response_norm(const Tensor& x, std::int64_t size, double alpha = 1e-4, double beta = 0.75, double k = 1);
/// x / max(‖x‖, epsilon) with the p-norm along an axis; p infinity: the largest magnitude.
Tensor normalize(const Tensor& x, double p = 2, int axis = 1, double epsilon = 1e-12);

}  // namespace joist
