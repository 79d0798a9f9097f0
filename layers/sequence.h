// Layers one after the other.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <utility>
#include <variant>
#include <vector>

namespace joist {

/// A layer that may leave the last step of its result to the layer behind it: hand_on() takes and gives
/// Layer::HandedOn.
template <class Layer>
concept HandsOn = requires {
  typename Layer::HandedOn;
};

template <class... Layers>
struct HandedOnBy {};
template <HandsOn First, HandsOn... Others>
struct HandedOnBy<First, Others...> {
  using HandedOn = typename First::HandedOn;
};

/// torch.nn.Sequential of layers of the given kinds, chosen at run time; state-dict names are their numbers.
///   Sequence<Linear, ReLU> head;
///   head.add(Linear{{.in = 8, .out = 16}});
///   head.add(ReLU{});
template <class... Layers>
struct Sequence : HandedOnBy<Layers...> {
  Tensor operator()(const Tensor& x) const {
    if constexpr ((HandsOn<Layers> && ...)) {
      return hand_on(typename Sequence::HandedOn{x}).finished();
    } else {
      Tensor y = x;
      for (const auto& layer : layers) y = std::visit([&y](const auto& one) { return one(y); }, layer);
      return y;
    }
  }
  template <class Handed>
  Handed hand_on(Handed x) const {
    for (const auto& layer : layers) x = std::visit([&x](const auto& one) { return one.hand_on(x); }, layer);
    return x;
  }
  template <class Layer>
  Layer& add(Layer layer) {
    return std::get<Layer>(layers.emplace_back(std::move(layer)));
  }
  auto fields() { return joist::fields("", layers); }

  std::vector<std::variant<Layers...>> layers{};
};

}  // namespace joist
