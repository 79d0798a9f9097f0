// Normalization layers.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

#include <optional>
#include <string>

namespace joist {

struct BatchNormLayerOptions {
  Required<std::int64_t> channels;
  double epsilon = 1e-5;
  std::optional<double> momentum = 0.1;  ///< std::nullopt: running statistics are the plain average of all batches
  Unary activation{};                    ///< fused behind the normalization
  bool affine = true;                    ///< weight and bias
  bool track_running_stats = true;       ///< else batch statistics in evaluation too
  bool frozen = false;                   ///< running statistics in training too, and they do not change (fine-tuning)
};
using BatchNorm1dOptions = BatchNormLayerOptions;
using BatchNorm2dOptions = BatchNormLayerOptions;
using BatchNorm3dOptions = BatchNormLayerOptions;

/// torch.nn.BatchNorm1d, 2d, 3d, followed by an activation. Batch statistics while training(), running ones otherwise.
/// Input of `space` axes behind the channels (1d: none as well); others throw ShapeError.
template <int space>
struct BatchNorm {
  explicit BatchNorm(const BatchNormLayerOptions& given)
      : options{.epsilon = require_epsilon(name(), given.epsilon),
                .momentum = require_momentum(name(), given.momentum.value_or(0)),
                .activation = given.activation},
        channels(require_positive(name(), "channels", given.channels)),
        frozen(given.frozen) {
    if (given.affine) {
      weight = init::constant({given.channels}, 1);
      bias = init::constant({given.channels}, 0);
    }
    if (!given.track_running_stats) return;
    running_mean = init::constant_buffer({given.channels}, 0);
    running_var = init::constant_buffer({given.channels}, 1);
    if (!given.momentum) num_batches_tracked = Buffer(Array::from(std::vector<std::int64_t>{0}, {}));
  }

  Tensor operator()(const Tensor& x, const ChannelSums* sums = nullptr) const {
    const Step now = step(x);
    return batch_norm(x, weight, bias, running_mean, running_var, now.options, now.batch_statistics, sums);
  }
  /// (*this)(x) and its global_average_pool().
  Pooled pooled(const Tensor& x, const ChannelSums* sums = nullptr) const requires(space == 2) {
    const Step now = step(x);
    return pooled_batch_norm(x, weight, bias, running_mean, running_var, now.options, now.batch_statistics, sums);
  }
  /// How x is normalized now. To be asked for once per input: the count of batches goes on.
  struct Step {
    BatchNormOptions options;
    bool batch_statistics;
  };
  Step step(const Tensor& x) const {
    if (x.rank() != space + 2 && !(space == 1 && x.rank() == 2))
      throw ShapeError({.where = name(),
                        .what = "input of shape " + x.shape().text(),
                        .expected = space == 1   ? "[batch, channel, length] or [batch, channel]"
                                    : space == 2 ? "[batch, channel, height, width]"
                                                 : "[batch, channel, depth, height, width]",
                        .remedy = "the BatchNorm of the input's number of axes, or unsqueeze(x, 0)"});
    require_channels(name(), x.shape(), 1, channels);
    const bool batch_statistics = !running_mean.defined() || (training() && !frozen);
    BatchNormOptions now = options;
    const bool update = batch_statistics && training();
    if (update && num_batches_tracked.defined()) {
      std::int64_t& count = *num_batches_tracked.value().data<std::int64_t>();
      if (!recomputing()) ++count;
      now.momentum = 1 / static_cast<double>(count);
      num_batches_tracked.value().bump_version();
    }
    return {now, batch_statistics};
  }
  auto fields() {
    return joist::fields("weight", weight, "bias", bias, "running_mean", running_mean, "running_var", running_var,
                         "num_batches_tracked", num_batches_tracked);
  }

  BatchNormOptions options;
  std::int64_t channels;
  bool frozen;
  Parameter weight{}, bias{};            // [channels]
  Buffer running_mean{}, running_var{};  // [channels]
  Buffer num_batches_tracked{};          // int64, only without a momentum

 private:
  static std::string name() { return layer_name("BatchNorm", space); }
};
using BatchNorm1d = BatchNorm<1>;
using BatchNorm2d = BatchNorm<2>;
using BatchNorm3d = BatchNorm<3>;

struct LayerNormLayerOptions {
  Required<Shape> normalized_shape;
  double epsilon = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
};

/// torch.nn.LayerNorm: over the last axes.
struct LayerNorm {
  explicit LayerNorm(const LayerNormLayerOptions& given)
      : normalized_shape(require_positive("LayerNorm", "normalized_shape", given.normalized_shape)),
        epsilon(require_epsilon("LayerNorm", given.epsilon)) {
    if (given.elementwise_affine) weight = init::constant(normalized_shape, 1);
    if (given.elementwise_affine && given.bias) bias = init::constant(normalized_shape, 0);
  }
  Tensor operator()(const Tensor& x) const { return layer_norm(x, normalized_shape, weight, bias, epsilon); }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  Shape normalized_shape;
  double epsilon;
  Parameter weight{}, bias{};  // [normalized_shape]
};

struct RMSNormOptions {
  Required<Shape> normalized_shape;
  double epsilon = -1;  ///< negative: the distance from 1 to the next number of the input's type
  bool elementwise_affine = true;
};

/// torch.nn.RMSNorm.
struct RMSNorm {
  explicit RMSNorm(const RMSNormOptions& given)
      : normalized_shape(require_positive("RMSNorm", "normalized_shape", given.normalized_shape)),
        epsilon(given.epsilon) {
    if (given.elementwise_affine) weight = init::constant(normalized_shape, 1);
  }
  Tensor operator()(const Tensor& x) const { return rms_norm(x, normalized_shape, weight, epsilon); }
  auto fields() { return joist::fields("weight", weight); }

  Shape normalized_shape;
  double epsilon;
  Parameter weight{};  // [normalized_shape]
};

struct GroupNormOptions {
  Required<std::int64_t> groups;
  Required<std::int64_t> channels;
  double epsilon = 1e-5;
  bool affine = true;
};

/// torch.nn.GroupNorm: [batch, channels, ...]. Throws UsageError unless the groups divide the channels.
struct GroupNorm {
  explicit GroupNorm(const GroupNormOptions& given)
      : groups(given.groups),
        channels(require_positive("GroupNorm", "channels", given.channels)),
        epsilon(require_epsilon("GroupNorm", given.epsilon)) {
    if (groups < 1 || channels % groups != 0)
      throw UsageError({.where = "GroupNorm",
                        .what = std::to_string(groups) + " groups of " + std::to_string(channels) + " channels",
                        .expected = "a number of groups that divides the channels",
                        .remedy = "1 group, or one for each channel"});
    if (!given.affine) return;
    weight = init::constant({channels}, 1);
    bias = init::constant({channels}, 0);
  }
  Tensor operator()(const Tensor& x) const {
    if (x.rank() > 1) require_channels("GroupNorm", x.shape(), 1, channels);
    return group_norm(x, groups, weight, bias, epsilon);
  }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  std::int64_t groups, channels;
  double epsilon;
  Parameter weight{}, bias{};  // [channels]
};

struct InstanceNormLayerOptions {
  Required<std::int64_t> channels;
  double epsilon = 1e-5;
  double momentum = 0.1;
  bool affine = false;
  bool track_running_stats = false;
};
using InstanceNorm1dOptions = InstanceNormLayerOptions;
using InstanceNorm2dOptions = InstanceNormLayerOptions;
using InstanceNorm3dOptions = InstanceNormLayerOptions;

/// torch.nn.InstanceNorm1d, 2d, 3d: [batch, channels, `space` axes], also without the batch. With running statistics
/// these normalize in evaluation.
template <int space>
struct InstanceNorm {
  explicit InstanceNorm(const InstanceNormLayerOptions& given)
      : channels(require_positive(name(), "channels", given.channels)),
        epsilon(require_epsilon(name(), given.epsilon)),
        momentum(require_momentum(name(), given.momentum)) {
    if (given.affine) {
      weight = init::constant({given.channels}, 1);
      bias = init::constant({given.channels}, 0);
    }
    if (!given.track_running_stats) return;
    running_mean = init::constant_buffer({given.channels}, 0);
    running_var = init::constant_buffer({given.channels}, 1);
  }
  Tensor operator()(const Tensor& x) const {
    if (x.rank() == space + 1) return reshape((*this)(reshape(x, x.shape().inserted(0, 1))), x.shape());
    if (x.rank() != space + 2)
      throw ShapeError({.where = name(),
                        .what = "input of shape " + x.shape().text(),
                        .expected = "[batch, channel, ...] or [channel, ...] with " + std::to_string(space) +
                                    " axes behind the channels",
                        .remedy = "the InstanceNorm of the input's number of axes, or reshape()"});
    require_channels(name(), x.shape(), 1, channels);
    const InstanceNormOptions options{
        .epsilon = epsilon, .momentum = momentum, .use_input_stats = training() || !running_mean.defined()};
    return instance_norm(x, running_mean, running_var, weight, bias, options);
  }
  auto fields() {
    return joist::fields("weight", weight, "bias", bias, "running_mean", running_mean, "running_var", running_var);
  }

  std::int64_t channels;
  double epsilon, momentum;
  Parameter weight{}, bias{};            // [channels]
  Buffer running_mean{}, running_var{};  // [channels]

 private:
  static std::string name() { return layer_name("InstanceNorm", space); }
};
using InstanceNorm1d = InstanceNorm<1>;
using InstanceNorm2d = InstanceNorm<2>;
using InstanceNorm3d = InstanceNorm<3>;

/// torch.nn.LocalResponseNorm: no parameters.
struct LocalResponseNorm {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
  Tensor operator()(const Tensor& x) const { return local_response_norm(x, size, alpha, beta, k); }
};

}  // namespace joist
