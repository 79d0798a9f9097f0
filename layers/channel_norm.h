// Layer normalization over the channels of pictures.
#pragma once

#include <joist/layers/normalization.h>

namespace joist {

struct LayerNorm2dOptions {
  Required<std::int64_t> channels;
  double epsilon = 1e-6;
};

/// torchvision's LayerNorm2d: [batch, channels, height, width], each pixel by itself.
struct LayerNorm2d {
  explicit LayerNorm2d(const LayerNorm2dOptions& given)
      : norm({.normalized_shape = Shape{require_positive("LayerNorm2d", "channels", given.channels)},
              .epsilon = given.epsilon}) {}
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != 4 || x.shape(1) != norm.normalized_shape[0])
      throw ShapeError({.where = "LayerNorm2d",
                        .what = "input of shape " + x.shape().text(),
                        .expected = "[batch, " + std::to_string(norm.normalized_shape[0]) + ", height, width]",
                        .remedy = "LayerNorm where the channels stand last"});
    return permute(norm(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
  }
  auto fields() { return joist::fields("", norm); }

  LayerNorm norm;
};

}  // namespace joist
