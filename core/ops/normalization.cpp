// x̂ = (x - mean) / √(variance + ε)      z = γ x̂ + β      y = activation(z)
// dz = dy · activation'(z)      dβ = Σ dz      dγ = Σ dz x̂      dx = γ/√(variance + ε) · (dz - dβ/n - x̂ dγ/n)
// (Ioffe & Szegedy 2015.) z and the activation's slope are computed again in backward: only x is kept.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/normalization.h>
#include <joist/core/mode.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/normalization.h>
#include <joist/core/ops/normalization_synchronized.h>

namespace joist {

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& options, bool training,
                  const ChannelSums* sums) {
  if (x.rank() < 2)
    throw ShapeError({.where = "batch_norm",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, channel, ...]",
                      .remedy = "unsqueeze(x, 0) adds a batch axis"});
  require_floating("batch_norm", x);
  if (!(options.epsilon >= 0))
    throw UsageError({.where = "batch_norm",
                      .what = "epsilon " + std::to_string(options.epsilon),
                      .expected = "0 or more",
                      .remedy = "1e-5 is usual"});
  const std::int64_t channels = x.shape(1);
  for (const auto& [vector, name] : {std::pair{&gamma, "gamma"},
                                     {&beta, "beta"},
                                     {&running_mean, "running mean"},
                                     {&running_variance, "running variance"}})
    if (vector->defined()) {
      require_vector("batch_norm", name, *vector, channels);
      // 16-bit numbers may have statistics and parameters in float32.
      if (!is_half(x.dtype()) || vector->dtype() != Dtype::float32) require_same_kind("batch_norm", x, *vector);
    }
  if (running_mean.defined() != running_variance.defined() || (!training && !running_mean.defined()))
    throw UsageError({.where = "batch_norm",
                      .what = running_mean.defined() == running_variance.defined()
                                  ? "no running statistics outside of training"
                                  : "one of running mean and running variance",
                      .expected = "both or, in training, neither",
                      .remedy = "zeros and ones to begin with"});
  if (StatisticsExchange* exchange = training ? SyncBatchNorm::active() : nullptr)
    return synchronized_batch_norm(*exchange, x, gamma, beta, running_mean, running_variance, options);
  const std::int64_t values = channels > 0 ? x.value().elements() / channels : 0;
  if (training && values < 2)
    throw ShapeError({.where = "batch_norm",
                      .what = "one value per channel in training, input " + x.shape().text(),
                      .expected = "at least two values per channel",
                      .remedy = "a larger batch, or evaluation mode"});
  const auto& table = kernels_of<BatchNormKernels>(x.value());
  const auto value_of = [](const Tensor& vector) { return vector.defined() ? vector.value() : Array(); };
  const Array scale = value_of(gamma), shift = value_of(beta);
  Array y = Array::like(x.value());
  // Of 16-bit numbers too in float32 where the kernels take that: rounded ones would move every number of a channel.
  const bool wide = is_half(x.dtype()) && x.device().kind == Device::Kind::cuda;
  const Dtype of_statistics = wide ? Dtype::float32 : x.dtype();
  Array mean, inverse_deviation;
  if (training) {
    mean = Array::empty({channels}, of_statistics, x.device());
    inverse_deviation = Array::empty({channels}, of_statistics, x.device());
    // Computed again in a checkpoint's backward, the running statistics are not moved a second time.
    const bool moves = running_mean.defined() && !recomputing();
    const Array moved_mean = moves ? running_mean.value() : Array(),
                moved_variance = moves ? running_variance.value() : Array();
    if (const auto* device = sums && sums->defined() ? fused_convolutions(x.device()) : nullptr) {
      device->statistics(*sums, values, options, moved_mean, moved_variance, mean, inverse_deviation);
      device->normalize({x.value(), scale, shift, mean, inverse_deviation, options}, {y, false});
    } else {
      table.train(x.value(), scale, shift, options, moved_mean, moved_variance, {y, false}, mean, inverse_deviation);
    }
    if (moves)
      for (const Tensor* written : {&running_mean, &running_variance}) written->value().bump_version();
  } else {
    table.evaluate(x.value(), scale, shift, options, running_mean.value(), running_variance.value(), {y, false});
    if (!NoGradient::active()) {  // backward wants 1/√(variance + ε)
      mean = running_mean.value();
      const auto& elementwise = kernels_of<ElementwiseKernels>(x.value());
      inverse_deviation = Array::empty({channels}, of_statistics, x.device());
      elementwise.unary(Affine{1, options.epsilon}, running_variance.value(), {inverse_deviation, false});
      elementwise.unary(Power{-0.5}, inverse_deviation, {inverse_deviation, false});
    }
  }
  return record({Op::batch_norm, options}, {x, gamma, beta, running_mean, running_variance}, std::move(y),
                [x = saved(x), gamma = saved(scale), beta = saved(shift), mean = saved(mean),
                 inverse_deviation = saved(inverse_deviation), options, training, &table](const Array& dy, Node& node) {
                  const auto* device = training && node.takes_late(0) ? fused_convolutions(dy.device()) : nullptr;
                  if (device && device->take_late(x, options, dy)) {
                    const Out dgamma = node.slot(1), dbeta = node.slot(2);
                    auto late = device->late({x, gamma, beta, mean, inverse_deviation, options}, dy, {}, dgamma, dbeta);
                    return node.give_late(0, std::make_shared<LateNormalizationGradient>(*device, std::move(late)));
                  }
                  const Out dx = node.slot(0), dgamma = node.slot(1), dbeta = node.slot(2);  // in this order
                  table.backward(x, dy, gamma, beta, mean, inverse_deviation, options, !training, dx, dgamma, dbeta);
                });
}

}  // namespace joist
