// MobileNetV3 (Howard et al. 2019). Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/activation.h>
#include <joist/layers/linear.h>
#include <joist/layers/mobile_block.h>
#include <joist/layers/sequence.h>

#include <cstdint>
#include <vector>

namespace joist {

struct MobileNetV3Options {
  bool large = true;
  std::int64_t classes = 1000;
  double dropout = 0.2;
  double width = 1;           ///< times all channels, rounded to 8
  bool reduced_tail = false;  ///< half as many channels from stride 32 on, as detectors take it
  double momentum = 0.01;     ///< of the running statistics

  std::int64_t channels(std::int64_t base) const { return divisible_channels(static_cast<double>(base) * width); }
  /// One row per block; those with stride 2 open a level of the pyramid.
  std::vector<MobileBlock::Options> blocks() const;
};

inline std::vector<MobileBlock::Options> MobileNetV3Options::blocks() const {
  struct Row {
    std::int64_t in, kernel, expanded, out;
    bool weigh, hard_swish;
    std::int64_t stride;
  };
  const std::int64_t cut = reduced_tail ? 2 : 1;
  static constexpr bool yes = true, no = false;
  const std::vector<Row> rows = large ? std::vector<Row>{{16, 3, 16, 16, no, no, 1},
                                                         {16, 3, 64, 24, no, no, 2},
                                                         {24, 3, 72, 24, no, no, 1},
                                                         {24, 5, 72, 40, yes, no, 2},
                                                         {40, 5, 120, 40, yes, no, 1},
                                                         {40, 5, 120, 40, yes, no, 1},
                                                         {40, 3, 240, 80, no, yes, 2},
                                                         {80, 3, 200, 80, no, yes, 1},
                                                         {80, 3, 184, 80, no, yes, 1},
                                                         {80, 3, 184, 80, no, yes, 1},
                                                         {80, 3, 480, 112, yes, yes, 1},
                                                         {112, 3, 672, 112, yes, yes, 1},
                                                         {112, 5, 672, 160 / cut, yes, yes, 2},
                                                         {160 / cut, 5, 960 / cut, 160 / cut, yes, yes, 1},
                                                         {160 / cut, 5, 960 / cut, 160 / cut, yes, yes, 1}}
                                      : std::vector<Row>{{16, 3, 16, 16, yes, no, 2},
                                                         {16, 3, 72, 24, no, no, 2},
                                                         {24, 3, 88, 24, no, no, 1},
                                                         {24, 5, 96, 40, yes, yes, 2},
                                                         {40, 5, 240, 40, yes, yes, 1},
                                                         {40, 5, 240, 40, yes, yes, 1},
                                                         {40, 5, 120, 48, yes, yes, 1},
                                                         {48, 5, 144, 48, yes, yes, 1},
                                                         {48, 5, 288, 96 / cut, yes, yes, 2},
                                                         {96 / cut, 5, 576 / cut, 96 / cut, yes, yes, 1},
                                                         {96 / cut, 5, 576 / cut, 96 / cut, yes, yes, 1}};
  std::vector<MobileBlock::Options> found;
  for (const Row& row : rows) {
    const std::int64_t expanded = channels(row.expanded);
    found.push_back({.in = channels(row.in),
                     .out = channels(row.out),
                     .expanded = expanded,
                     .kernel = row.kernel,
                     .stride = row.stride,
                     .squeezed = row.weigh ? divisible_channels(static_cast<double>(expanded / 4)) : 0,
                     .activation = row.hard_swish ? Unary(HardSwish{}) : Unary(Relu{}),
                     .squeezed_activation = Relu{},
                     .gate = HardSigmoid{},
                     .epsilon = 1e-3,
                     .momentum = momentum});
  }
  return found;
}

/// [batch, 3, height, width] -> logits [batch, classes].
struct MobileNetV3 {
  explicit MobileNetV3(const MobileNetV3Options& o = {}) {
    require_positive("MobileNetV3", "classes", o.classes);
    const std::vector<MobileBlock::Options> blocks = o.blocks();
    const auto unit = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
      features.add(ConvNormUnit({.in = in,
                                 .out = out,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .activation = HardSwish{},
                                 .epsilon = 1e-3,
                                 .momentum = o.momentum}));
    };
    unit(3, blocks.front().in, 3, 2);
    for (const MobileBlock::Options& block : blocks) features.add(MobileBlock(block));
    const std::int64_t wide = 6 * blocks.back().out;
    unit(blocks.back().out, wide, 1, 1);
    const std::int64_t last = o.channels((o.large ? 1280 : 1024) / (o.reduced_tail ? 2 : 1));
    const auto linear = [&](std::int64_t in, std::int64_t out) {
      Linear& added = classifier.add(Linear{{.in = in, .out = out}});
      added.weight = init::normal(added.weight.shape(), 0.01);
      added.bias = init::zeros(added.bias.shape());
    };
    linear(wide, last);
    classifier.add(Hardswish{});
    classifier.add(Dropout{require_probability("MobileNetV3", "dropout", o.dropout)});
    linear(last, o.classes);
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("MobileNetV3", x.shape(), 3);
    return classifier(flatten(global_average_pool(features(x))));
  }
  auto fields() { return joist::fields("features", features, "classifier", classifier); }

  Sequence<ConvNormUnit, MobileBlock> features{};
  Sequence<Linear, Hardswish, Dropout> classifier{};
};

}  // namespace joist
