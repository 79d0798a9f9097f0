// y = activation(γ x̂ + β), m = Σ y / pixels: the gradient of y is dy + dm / pixels, which is added as it is read; the
// rest is batch_norm()'s.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/fused_normalization.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/normalization.h>
#include <joist/core/ops/pooling.h>

#include <array>
#include <vector>

namespace joist {

Pooled pooled_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                         const Tensor& running_variance, const BatchNormOptions& options, bool training,
                         const ChannelSums* sums) {
  const NormalizationOperands operands{x, gamma, beta, running_mean, running_variance};
  const FusedConvolutions* const device = fused_kernels_for(operands, options, training);
  if (!device || !device->take_pooled(x.value(), options)) {
    const Tensor y = batch_norm(x, gamma, beta, running_mean, running_variance, options, training, sums);
    return {y, global_average_pool(y)};
  }
  const NormalizedInput input = normalized_by_batch(*device, operands, options, sums);
  const Array y = Array::like(input.x), mean = Array::empty(y.shape().with(2, 1).with(3, 1));
  device->normalize_pooled(input, y, mean);
  const std::array inputs{x, gamma, beta, running_mean, running_variance};
  const std::vector<Tensor> outputs = record(
      {Op::batch_norm, options}, inputs, std::vector{y, mean},
      [x = saved(input.x), gamma = saved(input.gamma), beta = saved(input.beta), mean = saved(input.mean),
       inverse = saved(input.inverse_deviation), options, device](std::span<const Array> dys, Node& node) {
        const NormalizedInput given{x, gamma, beta, mean, inverse, options};
        const auto& elementwise = kernels_of<ElementwiseKernels>(given.x);
        const Shape& shape = given.x.shape();
        Array dy = dys[0], added;
        if (dys[1].defined()) {
          added = Array::empty({shape[0], shape[1]});
          elementwise.unary(Affine{1 / static_cast<double>(shape.elements(2, 4)), 0}, dys[1].view(added.shape()),
                            {added, false});
        }
        if (!dy.defined() || !device->take_late(given.x, options, dy)) {
          const Array dense = Array::like(given.x);
          if (dy.defined())
            elementwise.unary(Affine{1, 0}, dy, {dense, false});
          else
            elementwise.fill(0, dense);
          dy = dense;
        }
        const bool late = node.takes_late(0);
        const Out dx = late ? Out{} : node.slot(0), dgamma = node.slot(1), dbeta = node.slot(2);  // in this order
        auto gradient = device->late(given, dy, added, dgamma, dbeta);
        if (late) return node.give_late(0, std::make_shared<LateNormalizationGradient>(*device, std::move(gradient)));
        if (dx.array.defined()) device->write(gradient, dx);
      });
  return {outputs[0], outputs[1]};
}

}  // namespace joist
