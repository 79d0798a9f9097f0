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
};

/// 1×1 convolution and normalization: the shortcut of a block where the shape changes.
struct Downsample {
  Downsample(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv({.in = in, .out = out, .kernel = 1, .stride = stride, .bias = false}), bn({.channels = out}) {
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

  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1({.in = in, .out = width, .stride = stride, .bias = false}),
        bn1({.channels = width, .activation = Relu{}}),
        conv2({.in = width, .out = width, .bias = false}),
        bn2({.channels = width}) {
    for (Conv2d* conv : {&conv1, &conv2}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
    if (stride != 1 || in != width) downsample.emplace(in, width, stride);
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = bn2(conv2(bn1(conv1(x))));
    return relu(y + (downsample ? (*downsample)(x) : x));
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

  BottleneckBlock(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1({.in = in, .out = width, .kernel = 1, .bias = false}),
        bn1({.channels = width, .activation = Relu{}}),
        conv2({.in = width, .out = width, .stride = stride, .bias = false}),
        bn2({.channels = width, .activation = Relu{}}),
        conv3({.in = width, .out = expansion * width, .kernel = 1, .bias = false}),
        bn3({.channels = expansion * width}) {
    for (Conv2d* conv : {&conv1, &conv2, &conv3}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
    if (stride != 1 || in != expansion * width) downsample.emplace(in, expansion * width, stride);
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = bn3(conv3(bn2(conv2(bn1(conv1(x))))));
    return relu(y + (downsample ? (*downsample)(x) : x));
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
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct ResNet {
  using Block = std::variant<BasicBlock, BottleneckBlock>;

  explicit ResNet(const ResNetOptions& options = {})
      : fc({.in = is_deep(options) ? 512 * BottleneckBlock::expansion : 512,
            .out = require_positive("ResNet", "classes", options.classes)}) {
    conv1.weight = init::he_normal_fan_out(conv1.weight.shape());
    const std::array<int, 4> repeats = repeats_of(options.depth);
    std::int64_t in = 64, width = 64;
    const std::array layers{&layer1, &layer2, &layer3, &layer4};
    for (std::size_t layer = 0; layer < layers.size(); ++layer, width *= 2)
      for (int i = 0; i < repeats[layer]; ++i) {
        const std::int64_t stride = i == 0 && layer > 0 ? 2 : 1;
        if (is_deep(options))
          in = append<BottleneckBlock>(*layers[layer], in, width, stride);
        else
          in = append<BasicBlock>(*layers[layer], in, width, stride);
      }
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("ResNet", x.shape(), 3);
    Tensor y = max_pool2d(bn1(conv1(x)), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    for (const auto* layer : {&layer1, &layer2, &layer3, &layer4})
      for (const Block& block : *layer) y = std::visit([&y](const auto& one) { return one(y); }, block);
    return fc(flatten(global_average_pool(y)));
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
  static std::int64_t append(std::vector<Block>& layer, std::int64_t in, std::int64_t width, std::int64_t stride) {
    layer.emplace_back(std::in_place_type<Kind>, in, width, stride);
    return Kind::expansion * width;
  }
};

}  // namespace joist
