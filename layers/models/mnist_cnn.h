// The small classifier for 28×28 gray pictures: two convolutions, two max pools, two linear layers.
#pragma once

#include <joist/layers/check.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>

namespace joist {

struct MnistCnnOptions {
  std::int64_t classes = 10;
};

/// [batch, 1, 28, 28] -> logits [batch, classes].
struct MnistCnn {
  explicit MnistCnn(const MnistCnnOptions& options = {})
      : fc1({.in = 3136, .out = 128}),
        fc2({.in = 128, .out = require_positive("MnistCnn", "classes", options.classes)}) {}

  Tensor operator()(const Tensor& x) const {
    require_pictures("MnistCnn", x.shape(), 1);
    if (x.shape(2) != 28 || x.shape(3) != 28)
      throw ShapeError({.where = "MnistCnn",
                        .what = "input of shape " + x.shape().text(),
                        .expected = "[batch, 1, 28, 28]",
                        .remedy = "interpolate(x, 28, 28)"});
    // The largest first: the same numbers and gradients, a quarter of the passes over memory.
    const Tensor half = relu(max_pool2d(conv1(x), {}));        // [batch, 32, 14, 14]
    const Tensor quarter = relu(max_pool2d(conv2(half), {}));  // [batch, 64, 7, 7]
    return fc2(relu(fc1(flatten(quarter))));
  }
  auto fields() { return joist::fields("conv1", conv1, "conv2", conv2, "fc1", fc1, "fc2", fc2); }

  Conv2d conv1{{.in = 1, .out = 32}};
  Conv2d conv2{{.in = 32, .out = 64}};
  Linear fc1, fc2;
};

}  // namespace joist
