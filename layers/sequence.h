// Layers one after the other.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <utility>
#include <variant>
#include <vector>

namespace joist {

/// torch.nn.Sequential of layers of the given kinds, chosen at run time; state-dict names are their numbers.
///   Sequence<Linear, ReLU> head;
///   head.add(Linear{{.in = 8, .out = 16}});
///   head.add(ReLU{});
template <class... Layers>
struct Sequence {
  Tensor operator()(const Tensor& x) const {
    Tensor y = x;
    for (const auto& layer : layers) y = std::visit([&y](const auto& one) { return one(y); }, layer);
    return y;
  }
  template <class Layer>
  Layer& add(Layer layer) {
    return std::get<Layer>(layers.emplace_back(std::move(layer)));
  }
  auto fields() { return joist::fields("", layers); }

  std::vector<std::variant<Layers...>> layers{};
};

}  // namespace joist
