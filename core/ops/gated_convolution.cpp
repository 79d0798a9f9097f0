// y = w ⋆ (x g), g per picture and channel: dx = g da, dg = Σ x da over the pixels, da = dy ⋆ flipped w.
#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/late_normalization.h>

namespace joist {
namespace {

// What a device computes in one. Everything else, what is wrong too, is left to the two operations.
const FusedConvolutions* device_for(const Tensor& x, const Tensor& gates, const Tensor& weight) {
  if (listening() || x.rank() != 4 || weight.rank() != 4 || weight.shape().elements(2, 4) != 1) return nullptr;
  if (gates.shape() != x.shape().with(2, 1).with(3, 1) || weight.shape(1) != x.shape(1)) return nullptr;
  if (gates.device() != x.device() || weight.device() != x.device() || wants_autocast({x, weight})) return nullptr;
  static_cast<void>(kernels_of<ConvolutionKernels>(x.value()));  // loads the device's backend
  const FusedConvolutions* const found = fused_convolutions(x.device());
  return found && found->take_gated(x.value(), gates.value(), weight.value()) ? found : nullptr;
}

}  // namespace

Tensor gated_conv2d(const Tensor& x, const Tensor& gates, const Tensor& weight, ChannelSums* sums) {
  const FusedConvolutions* const device = device_for(x, gates, weight);
  if (!device) return conv2d(x * gates, weight, {}, {}, sums);
  Array y = Array::like(x.value(), x.shape().with(1, weight.shape(0)));
  device->forward_gated(x.value(), gates.value(), weight.value(), y, sums);
  return record({Op::convolution, ConvolutionOptions{}}, {x, gates, weight}, std::move(y),
                [x = saved(x), gates = saved(gates), w = saved(weight), device](const Array& dy,
                                                                                const LateGradient* late, Node& node) {
                  const Out dx = node.slot(0), dgates = node.slot(1);
                  device->backward_gated(x, gates, w, result_gradient(dy, late), dx, dgates, node.slot(2));
                });
}

}  // namespace joist
