// y = w ⋆ activation(γ x̂ + β): conv2d of batch_norm, whose formulas are in convolution.cpp and normalization.cpp. Only
// x is kept for backward.
#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/mode.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/normalization.h>
#include <joist/core/sync_batch_norm.h>

namespace joist {
namespace {

struct Operands {
  const Tensor &x, &gamma, &beta, &running_mean, &running_variance, &weight;
};

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
const FusedConvolutions* device_for(const Operands& o, const BatchNormOptions& normalization, bool training,
                                    const ConvolutionOptions& options, Shape& y) {
  if (!training || listening() || SyncBatchNorm::active()) return nullptr;
  if (o.x.rank() != 4 || o.weight.rank() != 4 || !(normalization.epsilon >= 0)) return nullptr;
  const std::int64_t channels = o.x.shape(1);
  if (channels < 1 || o.x.value().elements() / channels < 2) return nullptr;
  if (options.groups < 1 || o.weight.shape(1) * options.groups != channels || o.weight.shape(0) % options.groups != 0)
    return nullptr;
  if (o.running_mean.defined() != o.running_variance.defined()) return nullptr;
  for (const Tensor* vector : {&o.gamma, &o.beta, &o.running_mean, &o.running_variance})
    if (vector->defined() &&
        (vector->shape() != Shape{channels} || vector->dtype() != o.x.dtype() || vector->device() != o.x.device()))
      return nullptr;
  if (o.weight.device() != o.x.device() || (options.groups == 1 && wants_autocast({o.x, o.weight}))) return nullptr;
  if (!result_shape(o.x.shape(), o.weight.shape(), options, y)) return nullptr;
  static_cast<void>(kernels_of<BatchNormKernels>(o.x.value()));  // loads the device's backend
  const FusedConvolutions* const found = fused_convolutions(o.x.device());
  return found && found->take(o.x.value(), normalization, o.weight.value(), options) ? found : nullptr;
}

}  // namespace

Tensor normalized_conv2d(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                         const Tensor& running_variance, const BatchNormOptions& normalization, bool training,
                         const Tensor& weight, const ConvolutionOptions& options, const ChannelSums* of_x,
                         ChannelSums* of_y) {
  Shape shape;
  const FusedConvolutions* const device =
      device_for({x, gamma, beta, running_mean, running_variance, weight}, normalization, training, options, shape);
  if (!device)
    return conv2d(batch_norm(x, gamma, beta, running_mean, running_variance, normalization, training, of_x), weight, {},
                  options, of_y);
  const auto value_of = [](const Tensor& vector) { return vector.defined() ? vector.value() : Array(); };
  const std::int64_t channels = x.shape(1);
  NormalizedInput input{
      x.value(), value_of(gamma), value_of(beta), Array::empty({channels}), Array::empty({channels}), normalization};
  // Computed again in a checkpoint's backward, the running statistics are not moved a second time.
  const bool moves = running_mean.defined() && !recomputing();
  const Array mean = moves ? running_mean.value() : Array(), variance = moves ? running_variance.value() : Array();
  if (of_x && of_x->defined())
    device->statistics(*of_x, input.x.elements() / channels, normalization, mean, variance, input.mean,
                       input.inverse_deviation);
  else
    kernels_of<BatchNormKernels>(x.value()).train(input.x, input.gamma, input.beta, normalization, mean, variance, {},
                                                  input.mean, input.inverse_deviation);
  if (moves)
    for (const Tensor* written : {&running_mean, &running_variance}) written->value().bump_version();
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
