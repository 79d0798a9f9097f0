// DenseNet (Huang et al. 2017). Names, shapes and initial values are torchvision's; its older files say norm.1 for
// norm1: --map "**.norm.*.*=**.norm*.*" --map "**.conv.*.*=**.conv*.*".
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace joist {

/// The defaults make DenseNet-121.
struct DenseNetOptions {
  std::int64_t growth = 32;                          ///< channels that each layer adds
  std::vector<std::int64_t> repeats{6, 12, 24, 16};  ///< layers per block
  std::int64_t stem = 64;                            ///< channels of the first convolution
  std::int64_t bottleneck = 4;                       ///< times growth: channels inside a layer
  double drop = 0;                                   ///< dropout behind each layer
  std::int64_t classes = 1000;
};

/// Layers of which each sees the input and what all before it added (norm, 1×1, norm, 3×3): [batch, in + repeats ·
/// growth, height, width].
struct DenseBlock {
  struct Layer {
    BatchNorm2d norm1;
    Conv2d conv1;
    BatchNorm2d norm2;
    Conv2d conv2;
    auto fields() { return joist::fields("norm1", norm1, "conv1", conv1, "norm2", norm2, "conv2", conv2); }
  };
  DenseBlock(std::int64_t in, std::int64_t repeats, const DenseNetOptions& o) : dropout{o.drop} {
    const std::int64_t middle = o.bottleneck * o.growth;
    for (std::int64_t i = 0; i < repeats; ++i, in += o.growth) {
      Layer layer{.norm1 = BatchNorm2d{{.channels = in, .activation = Relu{}}},
                  .conv1 = Conv2d{{.in = in, .out = middle, .kernel = 1, .bias = false}},
                  .norm2 = BatchNorm2d{{.channels = middle, .activation = Relu{}}},
                  .conv2 = Conv2d{{.in = middle, .out = o.growth, .bias = false}}};
      for (Conv2d* conv : {&layer.conv1, &layer.conv2}) conv->weight = init::kaiming_normal(conv->weight.shape());
      layers.emplace_back("denselayer" + std::to_string(i + 1), std::move(layer));
    }
  }
  Tensor operator()(const Tensor& x) const {
    Tensor all = x;
    for (const auto& [name, layer] : layers)
      all = concat({all, dropout(layer.conv2(layer.norm2(layer.conv1(layer.norm1(all)))))}, 1);
    return all;
  }
  auto fields() { return joist::fields("", layers); }
  std::vector<std::pair<std::string, Layer>> layers{};
  Dropout dropout;
};

/// Half of the channels, half of the side.
struct DenseTransition {
  DenseTransition(std::int64_t in, std::int64_t out)
      : norm({.channels = in, .activation = Relu{}}), conv({.in = in, .out = out, .kernel = 1, .bias = false}) {
    conv.weight = init::kaiming_normal(conv.weight.shape());
  }
  Tensor operator()(const Tensor& x) const { return avg_pool2d(conv(norm(x)), {}); }
  auto fields() { return joist::fields("norm", norm, "conv", conv); }
  BatchNorm2d norm;
  Conv2d conv;
};

/// [batch, 3, height, width], from 29 pixels -> logits [batch, classes].
struct DenseNet {
  explicit DenseNet(const DenseNetOptions& o = {})
      : conv0({.in = 3, .out = o.stem, .kernel = 7, .stride = 2, .bias = false}),
        norm0({.channels = o.stem, .activation = Relu{}}),
        norm5({.channels = last(o), .activation = Relu{}}),
        classifier({.in = last(o), .out = require_positive("DenseNet", "classes", o.classes)}) {
    require_probability("DenseNet", "drop", o.drop);
    conv0.weight = init::kaiming_normal(conv0.weight.shape());
    std::int64_t in = o.stem;
    for (std::size_t i = 0; i < o.repeats.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      stages.emplace_back("denseblock" + number, DenseBlock(in, o.repeats[i], o));
      in += o.repeats[i] * o.growth;
      if (i + 1 == o.repeats.size()) break;
      stages.emplace_back("transition" + number, DenseTransition(in, in / 2));
      in /= 2;
    }
    classifier.bias = init::zeros(classifier.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("DenseNet", x.shape(), 3);
    Tensor y = max_pool2d(norm0(conv0(x)), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    for (const auto& [name, stage] : stages) y = std::visit([&y](const auto& one) { return one(y); }, stage);
    return classifier(flatten(global_average_pool(norm5(y))));
  }
  auto fields() {
    return joist::fields("features.conv0", conv0, "features.norm0", norm0, "features", stages, "features.norm5", norm5,
                         "classifier", classifier);
  }

  Conv2d conv0;
  BatchNorm2d norm0;
  std::vector<std::pair<std::string, std::variant<DenseBlock, DenseTransition>>> stages{};
  BatchNorm2d norm5;
  Linear classifier;

 private:
  static std::int64_t last(const DenseNetOptions& o) {
    std::int64_t channels = require_positive("DenseNet", "stem", o.stem);
    require_positive("DenseNet", "growth", o.growth);
    require_positive("DenseNet", "bottleneck", o.bottleneck);
    for (std::size_t i = 0; i < o.repeats.size(); ++i)
      channels = (i == 0 ? channels : channels / 2) + require_positive("DenseNet", "repeats", o.repeats[i]) * o.growth;
    return channels;
  }
};

}  // namespace joist
