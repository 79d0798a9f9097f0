// EfficientNet-B0 (Tan and Le 2019). Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/models/mobilenet.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace joist {

struct EfficientNetOptions {
  std::int64_t classes = 1000;
  double dropout = 0.2;           ///< in front of the classifier
  double stochastic_depth = 0.2;  ///< of the last block; it grows from 0 at the first one, evenly
};

/// Channels times a weight each, made from the means over the picture (Hu et al. 2018).
struct SqueezeExcitation {
  SqueezeExcitation(std::int64_t channels, std::int64_t squeezed)
      : fc1({.in = channels, .out = squeezed, .kernel = 1}), fc2({.in = squeezed, .out = channels, .kernel = 1}) {
    for (Conv2d* conv : {&fc1, &fc2}) {
      conv->weight = init::he_normal_fan_out(conv->weight.shape());
      conv->bias = init::zeros(conv->bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const { return x * sigmoid(fc2(silu(fc1(global_average_pool(x))))); }
  auto fields() { return joist::fields("fc1", fc1, "fc2", fc2); }
  Conv2d fc1, fc2;
};

/// Expand (1×1), filter (depthwise), weigh the channels, project (1×1, linear); in training whole samples lose their
/// branch with probability `drop`.
struct MobileBlock {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t expansion = 1, kernel = 3, stride = 1;
    double drop = 0;
  };
  explicit MobileBlock(const Options& o)
      : filter({.in = o.in * o.expansion,
                .out = o.in * o.expansion,
                .kernel = o.kernel,
                .stride = o.stride,
                .groups = o.in * o.expansion,
                .activation = Silu{}}),
        weigh(o.in * o.expansion, std::max<std::int64_t>(o.in / 4, 1)),
        project({.in = o.in * o.expansion, .out = o.out, .kernel = 1, .activation = Identity{}}),
        shortcut(o.stride == 1 && o.in == o.out),
        stochastic_depth{require_probability("MobileBlock", "drop", o.drop)} {
    if (o.expansion != 1)
      expand.emplace(ConvNormUnit::Options{.in = o.in, .out = o.in * o.expansion, .kernel = 1, .activation = Silu{}});
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = project(weigh(filter(expand ? (*expand)(x) : x)));
    return shortcut ? stochastic_depth(y) + x : y;
  }
  /// torchvision numbers the parts of the sequence "block"; without expansion the numbers are one less.
  auto fields() {
    return expand ? joist::fields("block.0", expand, "block.1", filter, "block.2", weigh, "block.3", project)
                  : joist::fields("block", expand, "block.0", filter, "block.1", weigh, "block.2", project);
  }
  std::optional<ConvNormUnit> expand{};
  ConvNormUnit filter;
  SqueezeExcitation weigh;
  ConvNormUnit project;
  bool shortcut;
  DropPath stochastic_depth;
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct EfficientNet {
  using Feature = std::variant<ConvNormUnit, std::vector<MobileBlock>>;

  explicit EfficientNet(const EfficientNetOptions& options = {})
      : dropout{require_probability("EfficientNet", "dropout", options.dropout)},
        classifier{{.in = 1280, .out = require_positive("EfficientNet", "classes", options.classes)}} {
    require_probability("EfficientNet", "stochastic_depth", options.stochastic_depth);
    struct Stage {
      std::int64_t expansion, kernel, stride, channels, repeats;
    };
    constexpr int blocks = 16;
    features.emplace_back(ConvNormUnit({.in = 3, .out = 32, .stride = 2, .activation = Silu{}}));
    std::int64_t in = 32;
    int number = 0;
    for (const Stage& stage : {Stage{1, 3, 1, 16, 1},
                               {6, 3, 2, 24, 2},
                               {6, 5, 2, 40, 2},
                               {6, 3, 2, 80, 3},
                               {6, 5, 1, 112, 3},
                               {6, 5, 2, 192, 4},
                               {6, 3, 1, 320, 1}}) {
      std::vector<MobileBlock> sequence;
      for (std::int64_t i = 0; i < stage.repeats; ++i, in = stage.channels)
        sequence.emplace_back(MobileBlock::Options{.in = in,
                                                   .out = stage.channels,
                                                   .expansion = stage.expansion,
                                                   .kernel = stage.kernel,
                                                   .stride = i == 0 ? stage.stride : 1,
                                                   .drop = options.stochastic_depth * number++ / blocks});
      features.emplace_back(std::move(sequence));
    }
    features.emplace_back(ConvNormUnit({.in = in, .out = 1280, .kernel = 1, .activation = Silu{}}));
    classifier.weight = init::uniform(classifier.weight.shape(), 1 / std::sqrt(static_cast<double>(options.classes)));
    classifier.bias = init::zeros(classifier.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("EfficientNet", x.shape(), 3);
    Tensor y = x;
    for (const Feature& feature : features) {
      if (const auto* unit = std::get_if<ConvNormUnit>(&feature)) {
        y = (*unit)(y);
      } else {
        for (const MobileBlock& block : std::get<std::vector<MobileBlock>>(feature)) y = block(y);
      }
    }
    return classifier(dropout(flatten(global_average_pool(y))));
  }
  auto fields() { return joist::fields("features", features, "classifier.1", classifier); }

  std::vector<Feature> features{};
  Dropout dropout;
  Linear classifier;
};

}  // namespace joist
