// Memory for time: the values inside a part of a model are dropped after forward and computed again in backward.
#pragma once

#include <joist/core/gradient.h>

#include <functional>

namespace joist {

/// function(inputs), of which only inputs and outputs are kept; backward runs it once more with the same random
/// numbers, mode and autocast, so results and gradients are bit for bit those of a plain call (torch.utils.checkpoint).
/// Gradients reach the inputs and all parameters and tensors that the function captured. Running statistics are updated
/// once. The function must compute the same from the same inputs and must not write to captured tensors; where an input
/// or a captured tensor changed before backward, backward throws InternalError.
Tensor checkpoint(const std::function<Tensor(std::span<const Tensor>)>& function, std::span<const Tensor> inputs);
inline Tensor checkpoint(const std::function<Tensor(std::span<const Tensor>)>& function,
                         std::initializer_list<Tensor> inputs) {
  return checkpoint(function, std::span(inputs.begin(), inputs.size()));
}
/// For a layer or any function of one tensor. What it refers to must live until backward.
template <class Layer>
requires std::is_invocable_r_v<Tensor, const Layer&, const Tensor&> Tensor checkpoint(const Layer& layer,
                                                                                      const Tensor& x) {
  return checkpoint([&layer](std::span<const Tensor> inputs) -> Tensor { return layer(inputs[0]); }, {x});
}
/// The same for a function with several results.
std::vector<Tensor> checkpoint_many(const std::function<std::vector<Tensor>(std::span<const Tensor>)>& function,
                                    std::span<const Tensor> inputs);

}  // namespace joist
