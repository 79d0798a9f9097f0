// MobileNetV2 (Sandler et al. 2018). Names and shapes are torchvision's.
#pragma once

#include <joist/layers/convolution_unit.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/sequence.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace joist {

struct MobileNetV2Options {
  std::int64_t classes = 1000;
  double dropout = 0.2;
  double width = 1;  ///< times all channels, rounded to 8
};

/// Expand (1×1), filter (3×3 depthwise), project (1×1, linear), with the input added where shapes agree.
struct InvertedResidual {
  InvertedResidual(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t expansion)
      : filter({.in = in * expansion, .out = in * expansion, .stride = stride, .groups = in * expansion}),
        project({.in = in * expansion, .out = out, .kernel = 1, .activation = Identity{}}),
        shortcut(stride == 1 && in == out) {
    if (expansion != 1) expand.emplace(ConvNormUnit::Options{.in = in, .out = in * expansion, .kernel = 1});
  }
  using HandedOn = ConvNormUnit::HandedOn;
  Tensor operator()(const Tensor& x) const { return hand_on({.values = x}).finished(); }
  HandedOn hand_on(const HandedOn& given) const {
    const HandedOn x = expand || shortcut ? HandedOn{given.finished()} : given;
    const HandedOn y = project.hand_on(filter.hand_on(expand ? expand->hand_on(x) : x));
    return shortcut ? HandedOn{x.values + y.finished()} : y;
  }
  /// torchvision numbers the units of the sequence "conv"; the projection's two layers are numbered by themselves.
  auto fields() {
    return expand ? joist::fields("conv.0", expand, "conv.1", filter, "conv.2", project.conv, "conv.3", project.bn)
                  : joist::fields("conv", expand, "conv.0", filter, "conv.1", project.conv, "conv.2", project.bn);
  }
  std::optional<ConvNormUnit> expand{};
  ConvNormUnit filter, project;
  bool shortcut;
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct MobileNetV2 {
  explicit MobileNetV2(const MobileNetV2Options& options = {})
      : dropout{require_probability("MobileNetV2", "dropout", options.dropout)},
        classifier{{.in = last(options), .out = require_positive("MobileNetV2", "classes", options.classes)}} {
    struct Stage {
      std::int64_t expansion, channels, repeats, stride;
    };
    std::int64_t in = divisible_channels(32 * options.width);
    features.add(ConvNormUnit({.in = 3, .out = in, .stride = 2}));
    for (const Stage& stage : {Stage{1, 16, 1, 1},
                               {6, 24, 2, 2},
                               {6, 32, 3, 2},
                               {6, 64, 4, 2},
                               {6, 96, 3, 1},
                               {6, 160, 3, 2},
                               {6, 320, 1, 1}}) {
      const std::int64_t out = divisible_channels(static_cast<double>(stage.channels) * options.width);
      for (std::int64_t i = 0; i < stage.repeats; ++i, in = out)
        features.add(InvertedResidual(in, out, i == 0 ? stage.stride : 1, stage.expansion));
    }
    features.add(ConvNormUnit({.in = in, .out = last(options), .kernel = 1}));
    classifier.weight = init::normal(classifier.weight.shape(), 0.01);
    classifier.bias = init::constant(classifier.bias.shape(), 0);
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("MobileNetV2", x.shape(), 3);
    return classifier(dropout(flatten(global_average_pool(features(x)))));
  }
  auto fields() { return joist::fields("features", features, "classifier.1", classifier); }

  Sequence<ConvNormUnit, InvertedResidual> features{};
  Dropout dropout;
  Linear classifier;

 private:
  static std::int64_t last(const MobileNetV2Options& options) {
    return divisible_channels(1280 * std::max(1.0, options.width));
  }
};

}  // namespace joist
