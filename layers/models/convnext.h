// ConvNeXt (Liu et al. 2022). Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/channel_norm.h>
#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/sequence.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// The defaults make ConvNeXt-T.
struct ConvNeXtOptions {
  std::int64_t classes = 1000;
  std::array<std::int64_t, 4> repeats{3, 3, 9, 3};
  std::array<std::int64_t, 4> widths{96, 192, 384, 768};
  double stochastic_depth = 0.1;  ///< of the last block; it grows from 0 at the first one, evenly
  double layer_scale = 1e-6;      ///< initial weight of each block

  /// Options of a named size: t, s, b, l. Throws UsageError.
  static ConvNeXtOptions sized(char size, std::int64_t classes = 1000) {
    switch (size) {
      case 't': return {classes};
      case 's': return {classes, {3, 3, 27, 3}, {96, 192, 384, 768}, 0.4};
      case 'b': return {classes, {3, 3, 27, 3}, {128, 256, 512, 1024}, 0.5};
      case 'l': return {classes, {3, 3, 27, 3}, {192, 384, 768, 1536}, 0.5};
      default:
        throw UsageError({.where = "ConvNeXt",
                          .what = std::string("size '") + size + "'",
                          .expected = "t, s, b or l",
                          .remedy = "t is the smallest"});
    }
  }
};

/// Filter (7×7 depthwise), normalize, widen and narrow each pixel, scaled by a weight per channel, plus the input.
struct ConvNeXtBlock {
  ConvNeXtBlock(std::int64_t channels, double scale, double drop)
      : filter({.in = channels, .out = channels, .kernel = 7, .groups = channels}),
        norm({.normalized_shape = Shape{channels}, .epsilon = 1e-6}),
        widen({.in = channels, .out = 4 * channels}),
        narrow({.in = 4 * channels, .out = channels}),
        layer_scale(init::constant({channels, 1, 1}, scale)),
        stochastic_depth{require_probability("ConvNeXtBlock", "drop", drop)} {
    filter.weight = init::trunc_normal(filter.weight.shape(), 0, 0.02);
    filter.bias = init::zeros(filter.bias.shape());
    for (Linear* linear : {&widen, &narrow}) {
      linear->weight = init::trunc_normal(linear->weight.shape(), 0, 0.02);
      linear->bias = init::zeros(linear->bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = narrow(gelu(widen(norm(permute(filter(x), {0, 2, 3, 1})))));
    return stochastic_depth(permute(y, {0, 3, 1, 2}) * layer_scale) + x;
  }
  auto fields() {
    return joist::fields("layer_scale", layer_scale, "block.0", filter, "block.2", norm, "block.3", widen, "block.5",
                         narrow);
  }
  Conv2d filter;
  LayerNorm norm;
  Linear widen, narrow;
  Parameter layer_scale;  // [channels, 1, 1]
  DropPath stochastic_depth;
};

/// [batch, 3, height, width], from 32 pixels -> logits [batch, classes].
struct ConvNeXt {
  explicit ConvNeXt(const ConvNeXtOptions& o = {})
      : norm({.channels = o.widths[3]}),
        classifier({.in = o.widths[3], .out = require_positive("ConvNeXt", "classes", o.classes)}) {
    require_probability("ConvNeXt", "stochastic_depth", o.stochastic_depth);
    const auto convolution = [](std::int64_t in, std::int64_t out, std::int64_t side) {
      Conv2d conv({.in = in, .out = out, .kernel = side, .stride = side, .padding = 0});
      conv.weight = init::trunc_normal(conv.weight.shape(), 0, 0.02);
      conv.bias = init::zeros(conv.bias.shape());
      return conv;
    };
    std::int64_t all = 0, number = 0, in = 3;
    for (const std::int64_t repeats : o.repeats) all += require_positive("ConvNeXt", "repeats", repeats);
    for (std::size_t stage = 0; stage < o.widths.size(); ++stage) {
      auto& down = features.emplace_back();
      if (stage > 0) down.add(LayerNorm2d{{.channels = in}});
      down.add(convolution(in, o.widths[stage], stage == 0 ? 4 : 2));
      if (stage == 0) down.add(LayerNorm2d{{.channels = o.widths[0]}});
      in = o.widths[stage];
      auto& blocks = features.emplace_back();
      for (std::int64_t i = 0; i < o.repeats[stage]; ++i, ++number)
        blocks.add(ConvNeXtBlock(
            in, o.layer_scale,
            all == 1 ? 0 : o.stochastic_depth * static_cast<double>(number) / static_cast<double>(all - 1)));
    }
    classifier.weight = init::trunc_normal(classifier.weight.shape(), 0, 0.02);
    classifier.bias = init::zeros(classifier.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("ConvNeXt", x.shape(), 3);
    Tensor y = x;
    for (const auto& stage : features) y = stage(y);
    return classifier(flatten(norm(global_average_pool(y))));
  }
  auto fields() { return joist::fields("features", features, "classifier.0", norm, "classifier.2", classifier); }

  std::vector<Sequence<Conv2d, LayerNorm2d, ConvNeXtBlock>> features{};
  LayerNorm2d norm;
  Linear classifier;
};

}  // namespace joist
