// AlexNet (Krizhevsky 2014: one column). Names and shapes are torchvision's.
#pragma once

#include <joist/layers/activation.h>
#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/pooling.h>
#include <joist/layers/sequence.h>

#include <cstdint>

namespace joist {

struct AlexNetOptions {
  std::int64_t classes = 1000;
  double dropout = 0.5;
};

/// [batch, 3, height, width], from 63 pixels -> logits [batch, classes].
struct AlexNet {
  explicit AlexNet(const AlexNetOptions& o = {}) {
    require_positive("AlexNet", "classes", o.classes);
    require_probability("AlexNet", "dropout", o.dropout);
    const MaxPool2d pool{{.kernel = {3, 3}, .stride = {2, 2}}};
    struct Row {
      ConvOptions conv;
      bool pooled;
    };
    for (const Row& row : {Row{{.in = 3, .out = 64, .kernel = 11, .stride = 4, .padding = 2}, true},
                           Row{{.in = 64, .out = 192, .kernel = 5}, true}, Row{{.in = 192, .out = 384}, false},
                           Row{{.in = 384, .out = 256}, false}, Row{{.in = 256, .out = 256}, true}}) {
      features.add(Conv2d(row.conv));
      features.add(ReLU{});
      if (row.pooled) features.add(pool);
    }
    classifier.add(Dropout{o.dropout});
    classifier.add(Linear{{.in = 256 * 6 * 6, .out = 4096}});
    classifier.add(ReLU{});
    classifier.add(Dropout{o.dropout});
    classifier.add(Linear{{.in = 4096, .out = 4096}});
    classifier.add(ReLU{});
    classifier.add(Linear{{.in = 4096, .out = o.classes}});
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("AlexNet", x.shape(), 3);
    return classifier(flatten(adaptive_avg_pool2d(features(x), {6, 6})));
  }
  auto fields() { return joist::fields("features", features, "classifier", classifier); }

  Sequence<Conv2d, ReLU, MaxPool2d> features{};
  Sequence<Linear, ReLU, Dropout> classifier{};
};

}  // namespace joist
