// Blocks of mobile networks: channels weighed by their means, and the inverted residual built on it.
#pragma once

#include <joist/layers/convolution_unit.h>
#include <joist/layers/dropout.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace joist {

/// Channels times a weight each, made from the means over the picture (Hu et al. 2018): x ·
/// gate(fc2(inner(fc1(mean)))).
struct SqueezeExcitation {
  SqueezeExcitation(std::int64_t channels, std::int64_t squeezed, const Unary& inner_function = Silu{},
                    const Unary& gate_function = Sigmoid{})
      : fc1({.in = channels, .out = squeezed, .kernel = 1}),
        fc2({.in = squeezed, .out = channels, .kernel = 1}),
        inner(inner_function),
        gate(gate_function) {
    for (Conv2d* conv : {&fc1, &fc2}) {
      conv->weight = init::he_normal_fan_out(conv->weight.shape());
      conv->bias = init::zeros(conv->bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const { return x * gates(global_average_pool(x)); }
  /// Of the means over the pixels; both [batch, channel, 1, 1].
  Tensor gates(const Tensor& means) const { return joist::apply(gate, fc2(joist::apply(inner, fc1(means)))); }
  auto fields() { return joist::fields("fc1", fc1, "fc2", fc2); }
  Conv2d fc1, fc2;
  Unary inner, gate;
};

/// Expand (1×1), filter (depthwise), weigh the channels, project (1×1, linear), with the input added where shapes agree
/// (Sandler et al. 2018, Howard et al. 2019, Tan and Le 2019). In training whole samples lose their branch with
/// probability `drop`.
struct MobileBlock {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t expanded = 0;  ///< channels between; 0 or `in`: nothing is expanded
    std::int64_t kernel = 3, stride = 1;
    std::int64_t squeezed = 0;  ///< channels inside of the weighing; 0: none
    Unary activation = Silu{};
    Unary squeezed_activation = Silu{}, gate = Sigmoid{};
    double drop = 0;
    double epsilon = 1e-5, momentum = 0.1;
    bool same = false;  ///< padded as TensorFlow does
  };
  explicit MobileBlock(const Options& o)
      : filter({.in = middle(o),
                .out = middle(o),
                .kernel = o.kernel,
                .stride = o.stride,
                .groups = middle(o),
                .activation = o.activation,
                .epsilon = o.epsilon,
                .momentum = o.momentum,
                .same = o.same}),
        project({.in = middle(o),
                 .out = o.out,
                 .kernel = 1,
                 .activation = Identity{},
                 .epsilon = o.epsilon,
                 .momentum = o.momentum}),
        shortcut(o.stride == 1 && o.in == o.out),
        stochastic_depth{require_probability("MobileBlock", "drop", o.drop)} {
    if (middle(o) != o.in)
      expand.emplace(ConvNormUnit::Options{.in = o.in,
                                           .out = middle(o),
                                           .kernel = 1,
                                           .activation = o.activation,
                                           .epsilon = o.epsilon,
                                           .momentum = o.momentum});
    if (o.squeezed != 0) weigh.emplace(middle(o), o.squeezed, o.squeezed_activation, o.gate);
  }
  using HandedOn = ConvNormUnit::HandedOn;
  Tensor operator()(const Tensor& x) const { return hand_on({.values = x}).finished(); }
  HandedOn hand_on(const HandedOn& given) const {
    // Each normalization is left to the convolution behind it: at these widths memory is what a step waits for.
    const HandedOn x = expand || shortcut ? HandedOn{given.finished()} : given;
    const HandedOn filtered = filter.hand_on(expand ? expand->hand_on(x) : x);
    const HandedOn y = weigh ? weighed(filtered.pooled()) : project.hand_on(filtered);
    return shortcut ? HandedOn{stochastic_depth(y.finished()) + x.values} : y;
  }
  /// torchvision numbers the parts that there are.
  auto fields() {
    constexpr std::array<std::string_view, 4> names{"block.0", "block.1", "block.2", "block.3"};
    const std::size_t first = expand ? 1 : 0, last = first + (weigh ? 2 : 1);
    return joist::fields(std::string_view(names[0]), expand, std::string_view(names[first]), filter,
                         std::string_view(names[first + 1]), weigh, std::string_view(names[last]), project);
  }
  std::optional<ConvNormUnit> expand{};
  ConvNormUnit filter;
  std::optional<SqueezeExcitation> weigh{};
  ConvNormUnit project;
  bool shortcut;
  DropPath stochastic_depth;

 private:
  HandedOn weighed(const Pooled& x) const { return project.hand_on(x.values, weigh->gates(x.mean)); }
  static std::int64_t middle(const Options& o) { return o.expanded == 0 ? std::int64_t(o.in) : o.expanded; }
};

}  // namespace joist
