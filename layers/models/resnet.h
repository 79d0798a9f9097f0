// Residual networks for pictures (He et al. 2015), 18 and 34 layers. Names and shapes are torchvision's.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>

#include <optional>
#include <utility>
#include <vector>

namespace joist {

struct ResNetOptions {
  int depth = 18;  ///< 18 or 34
  std::int64_t classes = 1000;
};

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))
struct BasicBlock {
  /// 1×1 convolution and normalization where the shape changes.
  struct Downsample {
    Downsample(std::int64_t in, std::int64_t out, std::int64_t stride)
        : conv({.in = in, .out = out, .kernel = 1, .stride = stride, .bias = false}), bn({.channels = out}) {}
    Tensor operator()(const Tensor& x) const { return bn(conv(x)); }
    auto fields() { return joist::fields("0", conv, "1", bn); }
    Conv2d conv;
    BatchNorm2d bn;
  };

  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1({.in = in, .out = out, .stride = stride, .bias = false}),
        bn1({.channels = out, .activation = Relu{}}),
        conv2({.in = out, .out = out, .bias = false}),
        bn2({.channels = out}) {
    for (Conv2d* conv : {&conv1, &conv2}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
    if (stride != 1 || in != out) {
      downsample.emplace(in, out, stride);
      downsample->conv.weight = init::he_normal_fan_out(downsample->conv.weight.shape());
    }
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

/// [batch, 3, height, width] -> logits [batch, classes].
struct ResNet {
  explicit ResNet(const ResNetOptions& options = {})
      : fc({.in = 512, .out = require_positive("ResNet", "classes", options.classes)}) {
    if (options.depth != 18 && options.depth != 34)
      throw UsageError({.where = "ResNet",
                        .what = "depth " + std::to_string(options.depth),
                        .expected = "18 or 34",
                        .remedy = "18; deeper ones have blocks of another kind"});
    conv1.weight = init::he_normal_fan_out(conv1.weight.shape());
    const std::vector<std::int64_t> repeats =
        options.depth == 18 ? std::vector<std::int64_t>{2, 2, 2, 2} : std::vector<std::int64_t>{3, 4, 6, 3};
    std::int64_t in = 64, out = 64;
    for (auto* layer : {&layer1, &layer2, &layer3, &layer4}) {
      const auto index = static_cast<std::size_t>(layer == &layer1   ? 0
                                                  : layer == &layer2 ? 1
                                                  : layer == &layer3 ? 2
                                                                     : 3);
      for (std::int64_t i = 0; i < repeats[index]; ++i) {
        layer->emplace_back(in, out, i == 0 && index > 0 ? 2 : 1);
        in = out;
      }
      out *= 2;
    }
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("ResNet", x.shape(), 3);
    Tensor y = max_pool2d(bn1(conv1(x)), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    for (const auto* layer : {&layer1, &layer2, &layer3, &layer4})
      for (const BasicBlock& block : *layer) y = block(y);
    return fc(flatten(global_average_pool(y)));
  }
  auto fields() {
    return joist::fields("conv1", conv1, "bn1", bn1, "layer1", layer1, "layer2", layer2, "layer3", layer3, "layer4",
                         layer4, "fc", fc);
  }
  Conv2d conv1{{.in = 3, .out = 64, .kernel = 7, .stride = 2, .bias = false}};
  BatchNorm2d bn1{{.channels = 64, .activation = Relu{}}};
  std::vector<BasicBlock> layer1{}, layer2{}, layer3{}, layer4{};
  Linear fc;
};

}  // namespace joist
