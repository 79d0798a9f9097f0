// SqueezeNet (Iandola et al. 2016), versions 1.0 and 1.1. Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/activation.h>
#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/pooling.h>
#include <joist/layers/sequence.h>

#include <cstdint>
#include <string>

namespace joist {

struct SqueezeNetOptions {
  int version = 11;  ///< 10 or 11: 1.0, or 1.1, which is as good and takes less than half of the time
  std::int64_t classes = 1000;
  double dropout = 0.5;
};

/// A few channels (1×1), then 1×1 and 3×3 convolutions of these side by side: 2 · expanded channels.
struct Fire {
  Fire(std::int64_t in, std::int64_t squeezed, std::int64_t expanded)
      : squeeze({.in = in, .out = squeezed, .kernel = 1}),
        expand1x1({.in = squeezed, .out = expanded, .kernel = 1}),
        expand3x3({.in = squeezed, .out = expanded}) {
    for (Conv2d* conv : {&squeeze, &expand1x1, &expand3x3}) {
      conv->weight = init::kaiming_uniform(conv->weight.shape());
      conv->bias = init::zeros(conv->bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = relu(squeeze(x));
    return relu(concat({expand1x1(y), expand3x3(y)}, 1));
  }
  auto fields() { return joist::fields("squeeze", squeeze, "expand1x1", expand1x1, "expand3x3", expand3x3); }
  Conv2d squeeze, expand1x1, expand3x3;
};

/// [batch, 3, height, width], from 21 pixels (1.0) or 17 (1.1) -> logits [batch, classes].
struct SqueezeNet {
  explicit SqueezeNet(const SqueezeNetOptions& o = {})
      : dropout{require_probability("SqueezeNet", "dropout", o.dropout)},
        classifier({.in = 512, .out = require_positive("SqueezeNet", "classes", o.classes), .kernel = 1}) {
    if (o.version != 10 && o.version != 11)
      throw UsageError({.where = "SqueezeNet",
                        .what = "version " + std::to_string(o.version),
                        .expected = "10 or 11",
                        .remedy = "11, which is as good and faster"});
    const bool first = o.version == 10;
    const MaxPool2d pool{{.kernel = {3, 3}, .stride = {2, 2}, .ceil_mode = true}};
    std::int64_t in = first ? 96 : 64;
    Conv2d& stem = features.add(Conv2d{{.in = 3, .out = in, .kernel = first ? 7 : 3, .stride = 2, .padding = 0}});
    stem.weight = init::kaiming_uniform(stem.weight.shape());
    stem.bias = init::zeros(stem.bias.shape());
    features.add(ReLU{});
    features.add(pool);
    // Pools lie behind block 3 and 7, or 2 and 4.
    for (int block = 1; block <= 8; ++block) {
      const std::int64_t step = (block + 1) / 2, expanded = 64 * step;
      features.add(Fire(in, 16 * step, expanded));
      in = 2 * expanded;
      if (first ? block == 3 || block == 7 : block == 2 || block == 4) features.add(pool);
    }
    classifier.weight = init::normal(classifier.weight.shape(), 0.01);
    classifier.bias = init::zeros(classifier.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("SqueezeNet", x.shape(), 3);
    return flatten(global_average_pool(relu(classifier(dropout(features(x))))));
  }
  auto fields() { return joist::fields("features", features, "classifier.1", classifier); }

  Sequence<Conv2d, ReLU, MaxPool2d, Fire> features{};
  Dropout dropout;
  Conv2d classifier;
};

}  // namespace joist
