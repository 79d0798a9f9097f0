// VGG (Simonyan and Zisserman 2015), 11 to 19 layers, with and without batch normalization. Names, shapes and initial
// values are torchvision's.
#pragma once

#include <joist/layers/activation.h>
#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/pooling.h>
#include <joist/layers/sequence.h>

#include <array>
#include <cstdint>
#include <string>

namespace joist {

struct VggOptions {
  int depth = 16;  ///< 11, 13, 16 or 19
  bool batch_norm = false;
  std::int64_t classes = 1000;
  double dropout = 0.5;
};

/// [batch, 3, height, width], from 32 pixels -> logits [batch, classes].
struct Vgg {
  explicit Vgg(const VggOptions& o = {}) {
    require_positive("Vgg", "classes", o.classes);
    require_probability("Vgg", "dropout", o.dropout);
    std::int64_t in = 3, out = 64;
    for (const int repeats : repeats_of(o.depth)) {
      for (int i = 0; i < repeats; ++i, in = out) {
        Conv2d& conv = features.add(Conv2d{{.in = in, .out = out}});
        conv.weight = init::he_normal_fan_out(conv.weight.shape());
        conv.bias = init::zeros(conv.bias.shape());
        if (o.batch_norm) {
          features.add(BatchNorm2d{{.channels = out, .activation = Relu{}}});
          features.add(IdentityLayer{});  // where torchvision counts the activation
        } else {
          features.add(ReLU{});
        }
      }
      features.add(MaxPool2d{});
      out = std::min<std::int64_t>(2 * out, 512);
    }
    const std::array<std::int64_t, 4> widths{512 * 7 * 7, 4096, 4096, o.classes};
    for (std::size_t i = 0; i < 3; ++i) {
      if (i > 0) {
        classifier.add(ReLU{});
        classifier.add(Dropout{o.dropout});
      }
      Linear& linear = classifier.add(Linear{{.in = widths[i], .out = widths[i + 1]}});
      linear.weight = init::normal(linear.weight.shape(), 0.01);
      linear.bias = init::zeros(linear.bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("Vgg", x.shape(), 3);
    return classifier(flatten(adaptive_avg_pool2d(features(x), {7, 7})));
  }
  auto fields() { return joist::fields("features", features, "classifier", classifier); }

  Sequence<Conv2d, BatchNorm2d, ReLU, IdentityLayer, MaxPool2d> features{};
  Sequence<Linear, ReLU, Dropout> classifier{};

 private:
  static std::array<int, 5> repeats_of(int depth) {
    switch (depth) {
      case 11: return {1, 1, 2, 2, 2};
      case 13: return {2, 2, 2, 2, 2};
      case 16: return {2, 2, 3, 3, 3};
      case 19: return {2, 2, 4, 4, 4};
      default:
        throw UsageError({.where = "Vgg",
                          .what = "depth " + std::to_string(depth),
                          .expected = "11, 13, 16 or 19",
                          .remedy = "a ResNet, which learns better with fewer numbers"});
    }
  }
};

}  // namespace joist
