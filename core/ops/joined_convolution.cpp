// y = Σ w_i ⋆ x_i over tensors side by side, w_i the weights of their channels: conv2d of concat, whose formulas are in
// convolution.cpp and join.cpp, without the copy.
#include <joist/core/kernels/fused_convolution.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/late_normalization.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

// What a device computes without bringing the parts together. Everything else, what is wrong too, is left to the two
// operations.
const FusedConvolutions* device_for(std::span<const Tensor> parts, const Tensor& weight, std::vector<Array>& x) {
  if (parts.size() < 2 || listening() || weight.rank() != 4 || parts[0].rank() != 4) return nullptr;
  std::int64_t channels = 0;
  for (const Tensor& part : parts) {
    if (part.rank() != 4 || part.shape().with(1, 0) != parts[0].shape().with(1, 0)) return nullptr;
    if (part.device() != weight.device() || wants_autocast({part, weight})) return nullptr;
    channels += part.shape(1);
    x.push_back(part.value());
  }
  if (weight.shape(1) != channels || x[0].order() != Order::channels_last) return nullptr;
  const FusedConvolutions* const found = fused_convolutions(weight.device());
  return found && found->take_joined(x, weight.value()) ? found : nullptr;
}

}  // namespace

Tensor conv2d_of_joined(std::span<const Tensor> parts, const Tensor& weight, ChannelSums* sums) {
  std::vector<Array> x;
  const FusedConvolutions* const device = device_for(parts, weight, x);
  if (!device) return conv2d(concat(parts, 1), weight, {}, {}, sums);
  Array y = Array::like(x[0], x[0].shape().with(1, weight.shape(0)));
  device->forward_joined(x, weight.value(), y, sums);
  std::vector<Tensor> inputs(parts.begin(), parts.end());
  inputs.push_back(weight);
  std::vector<Saved> kept;
  for (const Array& part : x) kept.push_back(saved(part));
  return record({Op::convolution, ConvolutionOptions{}}, std::span<const Tensor>(inputs), std::move(y),
                [kept = std::move(kept), w = saved(weight.value()), device](const Array& dy, const LateGradient* late,
                                                                            Node& node) {
                  std::vector<Array> values;
                  std::vector<Out> gradients;
                  for (std::size_t i = 0; i < kept.size(); ++i) {
                    values.push_back(kept[i]);
                    gradients.push_back(node.slot(static_cast<int>(i)));
                  }
                  device->backward_joined(values, w, result_gradient(dy, late), gradients,
                                          node.slot(static_cast<int>(kept.size())));
                });
}

}  // namespace joist
