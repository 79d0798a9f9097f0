// MobileNetV2 (Sandler et al. 2018). Names and shapes are torchvision's.
#pragma once

#include <joist/core/mode.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace joist {

struct MobileNetV2Options {
  std::int64_t classes = 1000;
  double dropout = 0.2;
};

/// Convolution, normalization, ReLU6: members 0 and 1 of torchvision's sequence.
struct ConvNormUnit {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t kernel = 3, stride = 1, groups = 1;
    Unary activation = Clamp{0, 6};
  };
  explicit ConvNormUnit(const Options& o)
      : conv({.in = o.in, .out = o.out, .kernel = o.kernel, .stride = o.stride, .groups = o.groups, .bias = false}),
        bn({.channels = o.out, .activation = o.activation}) {
    conv.weight = init::he_normal_fan_out(conv.weight.shape());
  }
  Tensor operator()(const Tensor& x) const { return bn(conv(x)); }
  auto fields() { return joist::fields("0", conv, "1", bn); }
  Conv2d conv;
  BatchNorm2d bn;
};

/// Expand (1×1), filter (3×3 depthwise), project (1×1, linear), with the input added where shapes agree.
struct InvertedResidual {
  InvertedResidual(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t expansion)
      : filter({.in = in * expansion, .out = in * expansion, .stride = stride, .groups = in * expansion}),
        project({.in = in * expansion, .out = out, .kernel = 1, .activation = Identity{}}),
        shortcut(stride == 1 && in == out) {
    if (expansion != 1) expand.emplace(ConvNormUnit::Options{.in = in, .out = in * expansion, .kernel = 1});
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = project(filter(expand ? (*expand)(x) : x));
    return shortcut ? x + y : y;
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
  using Feature = std::variant<ConvNormUnit, InvertedResidual>;

  explicit MobileNetV2(const MobileNetV2Options& options = {})
      : classifier{{.in = 1280, .out = require_positive("MobileNetV2", "classes", options.classes)}},
        dropout_probability(require_probability("MobileNetV2", "dropout", options.dropout)) {
    struct Stage {
      std::int64_t expansion, channels, repeats, stride;
    };
    features.emplace_back(ConvNormUnit({.in = 3, .out = 32, .stride = 2}));
    std::int64_t in = 32;
    for (const Stage& stage : {Stage{1, 16, 1, 1},
                               {6, 24, 2, 2},
                               {6, 32, 3, 2},
                               {6, 64, 4, 2},
                               {6, 96, 3, 1},
                               {6, 160, 3, 2},
                               {6, 320, 1, 1}})
      for (std::int64_t i = 0; i < stage.repeats; ++i) {
        features.emplace_back(InvertedResidual(in, stage.channels, i == 0 ? stage.stride : 1, stage.expansion));
        in = stage.channels;
      }
    features.emplace_back(ConvNormUnit({.in = in, .out = 1280, .kernel = 1}));
    classifier.weight = init::normal(classifier.weight.shape(), 0.01);
    classifier.bias = init::constant(classifier.bias.shape(), 0);
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("MobileNetV2", x.shape(), 3);
    Tensor y = x;
    for (const Feature& feature : features) y = std::visit([&y](const auto& layer) { return layer(y); }, feature);
    y = flatten(global_average_pool(y));
    if (training() && dropout_probability > 0) y = dropout(y, dropout_probability, next_random_key(Stream::dropout));
    return classifier(y);
  }
  auto fields() { return joist::fields("features", features, "classifier.1", classifier); }

  std::vector<Feature> features{};
  Linear classifier;
  double dropout_probability;
};

}  // namespace joist
