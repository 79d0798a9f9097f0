#include <joist/core/gradient.h>
#include <joist/core/mode.h>
#include <joist/core/ops/fused_normalization.h>
#include <joist/core/sync_batch_norm.h>

namespace joist {

const FusedConvolutions* fused_kernels_for(const NormalizationOperands& o, const BatchNormOptions& options,
                                           bool training) {
  if (!training || listening() || SyncBatchNorm::active()) return nullptr;
  if (o.x.rank() != 4 || !(options.epsilon >= 0)) return nullptr;
  const std::int64_t channels = o.x.shape(1);
  if (channels < 1 || o.x.value().elements() / channels < 2) return nullptr;
  if (o.running_mean.defined() != o.running_variance.defined()) return nullptr;
  for (const Tensor* vector : {&o.gamma, &o.beta, &o.running_mean, &o.running_variance})
    if (vector->defined() &&
        (vector->shape() != Shape{channels} || vector->dtype() != o.x.dtype() || vector->device() != o.x.device()))
      return nullptr;
  static_cast<void>(kernels_of<BatchNormKernels>(o.x.value()));  // loads the device's backend
  return fused_convolutions(o.x.device());
}

NormalizedInput normalized_by_batch(const FusedConvolutions& device, const NormalizationOperands& o,
                                    const BatchNormOptions& options, const ChannelSums* sums) {
  const auto value_of = [](const Tensor& vector) { return vector.defined() ? vector.value() : Array(); };
  const std::int64_t channels = o.x.shape(1);
  NormalizedInput input{
      o.x.value(), value_of(o.gamma), value_of(o.beta), Array::empty({channels}), Array::empty({channels}), options};
  // Computed again in a checkpoint's backward, the running statistics are not moved a second time.
  const bool moves = o.running_mean.defined() && !recomputing();
  const Array mean = moves ? o.running_mean.value() : Array(), variance = moves ? o.running_variance.value() : Array();
  if (sums && sums->defined())
    device.statistics(*sums, input.x.elements() / channels, options, mean, variance, input.mean,
                      input.inverse_deviation);
  else
    kernels_of<BatchNormKernels>(input.x).train(input.x, input.gamma, input.beta, options, mean, variance, {},
                                                input.mean, input.inverse_deviation);
  if (moves)
    for (const Tensor* written : {&o.running_mean, &o.running_variance}) written->value().bump_version();
  return input;
}

}  // namespace joist
