// EfficientNet B0 to B7 (Tan and Le 2019) and Lite0. Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/linear.h>
#include <joist/layers/mobile_block.h>
#include <joist/layers/sequence.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

namespace joist {

struct EfficientNetOptions {
  std::int64_t classes = 1000;
  double dropout = 0.2;           ///< in front of the classifier
  double stochastic_depth = 0.2;  ///< of the last block; it grows from 0 at the first one, evenly
  double width = 1;               ///< times all channels, rounded to 8
  double depth = 1;               ///< times all repeats, rounded up
  double epsilon = 1e-5, momentum = 0.1;
  bool lite = false;  ///< B0 for phones: no weighing of channels, ReLU6, TensorFlow's padding (EfficientNet-Lite0)

  /// Options of B0 … B7. Throws UsageError.
  static EfficientNetOptions sized(int number, std::int64_t classes = 1000) {
    switch (number) {
      case 0: return {classes};
      case 1: return {classes, 0.2, 0.2, 1.0, 1.1};
      case 2: return {classes, 0.3, 0.2, 1.1, 1.2};
      case 3: return {classes, 0.3, 0.2, 1.2, 1.4};
      case 4: return {classes, 0.4, 0.2, 1.4, 1.8};
      case 5: return {classes, 0.4, 0.2, 1.6, 2.2, 1e-3, 0.01};
      case 6: return {classes, 0.5, 0.2, 1.8, 2.6, 1e-3, 0.01};
      case 7: return {classes, 0.5, 0.2, 2.0, 3.1, 1e-3, 0.01};
      default:
        throw UsageError({.where = "EfficientNet",
                          .what = "B" + std::to_string(number),
                          .expected = "B0 to B7",
                          .remedy = "0 is the smallest"});
    }
  }
  std::int64_t channels(std::int64_t base) const { return divisible_channels(static_cast<double>(base) * width); }
  std::int64_t repeats(std::int64_t base) const {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(base) * depth));
  }
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct EfficientNet {
  explicit EfficientNet(const EfficientNetOptions& options = {})
      : dropout{require_probability("EfficientNet", "dropout", options.dropout)},
        classifier{
            {.in = 4 * options.channels(320), .out = require_positive("EfficientNet", "classes", options.classes)}} {
    require_probability("EfficientNet", "stochastic_depth", options.stochastic_depth);
    struct Stage {
      std::int64_t expansion, kernel, stride, channels, repeats;
    };
    constexpr Stage stages[]{{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                             {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    std::int64_t blocks = 0, number = 0, in = options.channels(32);
    for (const Stage& stage : stages) blocks += options.repeats(stage.repeats);
    const Unary activation = options.lite ? Unary(Clamp{0, 6}) : Unary(Silu{});
    const auto unit = [&](std::int64_t from, std::int64_t to, std::int64_t kernel, std::int64_t stride) {
      features.add(ConvNormUnit({.in = from,
                                 .out = to,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .activation = activation,
                                 .epsilon = options.epsilon,
                                 .momentum = options.momentum,
                                 .same = options.lite}));
    };
    unit(3, in, 3, 2);
    for (const Stage& stage : stages) {
      Sequence<MobileBlock> sequence;
      const std::int64_t out = options.channels(stage.channels);
      for (std::int64_t i = 0; i < options.repeats(stage.repeats); ++i, in = out)
        sequence.add(MobileBlock(
            {.in = in,
             .out = out,
             .expanded = stage.expansion == 1 ? in : divisible_channels(static_cast<double>(in * stage.expansion)),
             .kernel = stage.kernel,
             .stride = i == 0 ? stage.stride : 1,
             .squeezed = options.lite ? 0 : std::max<std::int64_t>(in / 4, 1),
             .activation = activation,
             .drop = options.stochastic_depth * static_cast<double>(number++) / static_cast<double>(blocks),
             .epsilon = options.epsilon,
             .momentum = options.momentum,
             .same = options.lite}));
      features.add(std::move(sequence));
    }
    unit(in, 4 * in, 1, 1);
    classifier.weight = init::uniform(classifier.weight.shape(), 1 / std::sqrt(static_cast<double>(options.classes)));
    classifier.bias = init::zeros(classifier.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("EfficientNet", x.shape(), 3);
    return classifier(dropout(flatten(global_average_pool(features(x)))));
  }
  auto fields() { return joist::fields("features", features, "classifier.1", classifier); }

  Sequence<ConvNormUnit, Sequence<MobileBlock>> features{};
  Dropout dropout;
  Linear classifier;
};

}  // namespace joist
