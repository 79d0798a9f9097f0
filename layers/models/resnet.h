// Residual networks for pictures (He et al. 2015), 18 to 152 layers. Names and shapes are torchvision's.
#pragma once

#include <joist/layers/check.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace joist {

struct ResNetOptions {
  int depth = 18;  ///< 18, 34, 50, 101 or 152
  std::int64_t classes = 1000;
  std::int64_t groups = 1;      ///< of the 3×3 convolutions, from 50 layers on: 32 is ResNeXt (Xie et al. 2017)
  std::int64_t per_group = 64;  ///< their channels per group in the first layer; 128 in one group is a wide ResNet
                                ///< (Zagoruyko and Komodakis 2016), 4 in 32 groups resnext50_32x4d
  bool frozen_norms = false;    ///< running statistics in training too, as detectors take it
};

/// 1×1 convolution and normalization: the shortcut of a block where the shape changes.
struct Downsample {
  Downsample(std::int64_t in, std::int64_t out, std::int64_t stride, bool frozen = false)
      : conv({.in = in, .out = out, .kernel = 1, .stride = stride, .bias = false}),
        bn({.channels = out, .frozen = frozen}) {
    conv.weight = init::he_normal_fan_out(conv.weight.shape());
  }
  Tensor operator()(const Tensor& x) const { return bn(conv(x)); }
  auto fields() { return joist::fields("0", conv, "1", bn); }
  Conv2d conv;
  BatchNorm2d bn;
};

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)): the block of 18 and 34 layers.
struct BasicBlock {
  static constexpr std::int64_t expansion = 1;  ///< channels of the result, as a multiple of `width`

  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride, const ResNetOptions& o = {})
      : conv1({.in = in, .out = width, .stride = stride, .bias = false}),
        bn1({.channels = width, .activation = Relu{}, .frozen = o.frozen_norms}),
        conv2({.in = width, .out = width, .bias = false}),
        bn2({.channels = width, .frozen = o.frozen_norms}) {
    for (Conv2d* conv : {&conv1, &conv2}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
    if (stride != 1 || in != width) downsample.emplace(in, width, stride, o.frozen_norms);
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = bn2(conv2(bn1(conv1(x))));
    return add_relu(y, downsample ? (*downsample)(x) : x);
  }
  auto fields() {
    return joist::fields("conv1", conv1, "bn1", bn1, "conv2", conv2, "bn2", bn2, "downsample", downsample);
  }
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  std::optional<Downsample> downsample{};
};

/// Narrow (1×1), filter (3×3, which carries the stride), widen (1×1) to 4 · width channels: the block of 50 layers and
/// more.
struct BottleneckBlock {
  static constexpr std::int64_t expansion = 4;

  BottleneckBlock(std::int64_t in, std::int64_t width, std::int64_t stride, const ResNetOptions& o = {})
      : conv1({.in = in, .out = middle(width, o), .kernel = 1, .bias = false}),
        bn1({.channels = middle(width, o), .activation = Relu{}, .frozen = o.frozen_norms}),
        conv2({.in = middle(width, o), .out = middle(width, o), .stride = stride, .groups = o.groups, .bias = false}),
        bn2({.channels = middle(width, o), .activation = Relu{}, .frozen = o.frozen_norms}),
        conv3({.in = middle(width, o), .out = expansion * width, .kernel = 1, .bias = false}),
        bn3({.channels = expansion * width, .frozen = o.frozen_norms}) {
    for (Conv2d* conv : {&conv1, &conv2, &conv3}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
    if (stride != 1 || in != expansion * width) downsample.emplace(in, expansion * width, stride, o.frozen_norms);
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = bn3(conv3(bn2(conv2(bn1(conv1(x))))));
    return add_relu(y, downsample ? (*downsample)(x) : x);
  }
  auto fields() {
    return joist::fields("conv1", conv1, "bn1", bn1, "conv2", conv2, "bn2", bn2, "conv3", conv3, "bn3", bn3,
                         "downsample", downsample);
  }
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Conv2d conv3;
  BatchNorm2d bn3;
  std::optional<Downsample> downsample{};

 private:
  static std::int64_t middle(std::int64_t width, const ResNetOptions& o) { return width * o.per_group / 64 * o.groups; }
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct ResNet {
  using Block = std::variant<BasicBlock, BottleneckBlock>;

  explicit ResNet(const ResNetOptions& options = {})
      : fc({.in = is_deep(options) ? 512 * BottleneckBlock::expansion : 512,
            .out = require_positive("ResNet", "classes", options.classes)}) {
    if (!is_deep(options) && (options.groups != 1 || options.per_group != 64))
      throw UsageError({.where = "ResNet",
                        .what = "depth " + std::to_string(options.depth) + " with " + std::to_string(options.groups) +
                                " groups of " + std::to_string(options.per_group) + " channels",
                        .expected = "1 group of 64 below 50 layers",
                        .remedy = "depth 50"});
    require_positive("ResNet", "per_group", options.per_group);
    conv1.weight = init::he_normal_fan_out(conv1.weight.shape());
    bn1.frozen = options.frozen_norms;
    const std::array<int, 4> repeats = repeats_of(options.depth);
    std::int64_t in = 64, width = 64;
    const std::array layers{&layer1, &layer2, &layer3, &layer4};
    for (std::size_t layer = 0; layer < layers.size(); ++layer, width *= 2)
      for (int i = 0; i < repeats[layer]; ++i) {
        const std::int64_t stride = i == 0 && layer > 0 ? 2 : 1;
        if (is_deep(options))
          in = append<BottleneckBlock>(*layers[layer], in, width, stride, options);
        else
          in = append<BasicBlock>(*layers[layer], in, width, stride, options);
      }
  }
  Tensor operator()(const Tensor& x) const { return fc(flatten(global_average_pool(features(x).back()))); }
  /// The results of the four layers, at strides 4, 8, 16 and 32: what detectors look at.
  std::vector<Tensor> features(const Tensor& x) const {
    require_pictures("ResNet", x.shape(), 3);
    Tensor y = max_pool2d(bn1(conv1(x)), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    std::vector<Tensor> found;
    for (const auto* layer : {&layer1, &layer2, &layer3, &layer4}) {
      for (const Block& block : *layer) y = std::visit([&y](const auto& one) { return one(y); }, block);
      found.push_back(y);
    }
    return found;
  }
  auto fields() {
    return joist::fields("conv1", conv1, "bn1", bn1, "layer1", layer1, "layer2", layer2, "layer3", layer3, "layer4",
                         layer4, "fc", fc);
  }
  Conv2d conv1{{.in = 3, .out = 64, .kernel = 7, .stride = 2, .bias = false}};
  BatchNorm2d bn1{{.channels = 64, .activation = Relu{}}};
  std::vector<Block> layer1{}, layer2{}, layer3{}, layer4{};
  Linear fc;

 private:
  static bool is_deep(const ResNetOptions& options) { return options.depth >= 50; }
  static std::array<int, 4> repeats_of(int depth) {
    switch (depth) {
      case 18: return {2, 2, 2, 2};
      case 34:
      case 50: return {3, 4, 6, 3};
      case 101: return {3, 4, 23, 3};
      case 152: return {3, 8, 36, 3};
      default:
        throw UsageError({.where = "ResNet",
                          .what = "depth " + std::to_string(depth),
                          .expected = "18, 34, 50, 101 or 152",
                          .remedy = "18 for few pictures"});
    }
  }
  // Returns the channels of the new block's result.
  template <class Kind>
  static std::int64_t append(std::vector<Block>& layer, std::int64_t in, std::int64_t width, std::int64_t stride,
                             const ResNetOptions& options) {
    layer.emplace_back(std::in_place_type<Kind>, in, width, stride, options);
    return Kind::expansion * width;
  }
};

}  // namespace joist
