// y = w ⋆ activation(γ x̂ + β): conv2d of batch_norm, whose formulas are in convolution.cpp and normalization.cpp. Only
// x is kept for backward.
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/fused_normalization.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/normalization.h>

namespace joist {
namespace {

// Whether the window of each axis fits; the result's shape.
bool result_shape(const Shape& x, const Shape& w, const ConvolutionOptions& options, Shape& y) {
  if (options.stride.rank() != 2 || options.padding.rank() != 2 || options.dilation.rank() != 2) return false;
  y = x.with(1, w[0]);
  for (int i = 0; i < 2; ++i) {
    if (options.stride[i] < 1 || options.dilation[i] < 1 || options.padding[i] < 0 || w[2 + i] < 1) return false;
    const std::int64_t room = x[2 + i] + 2 * options.padding[i] - options.dilation[i] * (w[2 + i] - 1) - 1;
    if (room < 0) return false;
    y[2 + i] = room / options.stride[i] + 1;
  }
  return true;
}

// What a device computes in one. Everything else, what is wrong too, is left to the two operations, which say what.
const FusedConvolutions* device_for(const NormalizationOperands& o, const BatchNormOptions& normalization,
                                    bool training, const Tensor& weight, const ConvolutionOptions& options, Shape& y) {
  const FusedConvolutions* const found = fused_kernels_for(o, normalization, training);
  if (!found || weight.rank() != 4 || options.groups < 1 || weight.shape(1) * options.groups != o.x.shape(1) ||
      weight.shape(0) % options.groups != 0 || weight.device() != o.x.device())
    return nullptr;
  if (options.groups == 1 && wants_autocast({o.x, weight})) return nullptr;
  if (!result_shape(o.x.shape(), weight.shape(), options, y)) return nullptr;
  return found->take(o.x.value(), normalization, weight.value(), options) ? found : nullptr;
}

}  // namespace

Tensor normalized_conv2d(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                         const Tensor& running_variance, const BatchNormOptions& normalization, bool training,
                         const Tensor& weight, const ConvolutionOptions& options, const ChannelSums* of_x,
                         ChannelSums* of_y) {
  const NormalizationOperands operands{x, gamma, beta, running_mean, running_variance};
  Shape shape;
  const FusedConvolutions* const device = device_for(operands, normalization, training, weight, options, shape);
  if (!device)
    return conv2d(batch_norm(x, gamma, beta, running_mean, running_variance, normalization, training, of_x), weight, {},
                  options, of_y);
  const NormalizedInput input = normalized_by_batch(*device, operands, normalization, of_x);
  Array y = Array::like(x.value(), shape);
  device->forward(input, weight.value(), options, y, of_y);
  return record({Op::normalized_convolution, options}, {x, gamma, beta, running_mean, running_variance, weight},
                std::move(y),
                [x = saved(input.x), gamma = saved(input.gamma), beta = saved(input.beta), mean = saved(input.mean),
                 inverse = saved(input.inverse_deviation), w = saved(weight.value()), normalization, options,
                 device](const Array& given_dy, const LateGradient* late, Node& node) {
                  const NormalizedInput given{x, gamma, beta, mean, inverse, normalization};
                  const ResultGradient dy = result_gradient(given_dy, late);
                  if (node.takes_late(0)) {
                    const Out dgamma = node.slot(1), dbeta = node.slot(2);
                    auto dx = device->backward_late(given, w, dy, options, node.slot(5), dgamma, dbeta);
                    return node.give_late(0, std::make_shared<LateNormalizationGradient>(*device, std::move(dx)));
                  }
                  const Out dx = node.slot(0), dgamma = node.slot(1), dbeta = node.slot(2);  // in this order
                  device->backward(given, w, dy, options, dx, node.slot(5), dgamma, dbeta);
                });
}

}  // namespace joist
