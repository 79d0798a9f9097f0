// Swin transformer (Liu et al. 2021). Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/layers/permute.h>
#include <joist/layers/sequence.h>
#include <joist/layers/window_attention.h>

#include <array>
#include <cstdint>
#include <string>

namespace joist {

/// The defaults make Swin-T.
struct SwinOptions {
  std::int64_t classes = 1000;
  std::int64_t width = 96;  ///< channels of the first stage, doubled by each further one
  std::array<std::int64_t, 4> repeats{2, 2, 6, 2};
  std::array<std::int64_t, 4> heads{3, 6, 12, 24};
  std::int64_t window = 7;
  std::int64_t patch = 4;
  double stochastic_depth = 0.2;  ///< of the last block; it grows from 0 at the first one, evenly

  /// Options of a named size: t, s, b. Throws UsageError.
  static SwinOptions sized(char size, std::int64_t classes = 1000) {
    switch (size) {
      case 't': return {classes};
      case 's': return {classes, 96, {2, 2, 18, 2}, {3, 6, 12, 24}, 7, 4, 0.3};
      case 'b': return {classes, 128, {2, 2, 18, 2}, {4, 8, 16, 32}, 7, 4, 0.5};
      default:
        throw UsageError({.where = "Swin",
                          .what = std::string("size '") + size + "'",
                          .expected = "t, s or b",
                          .remedy = "t is the smallest"});
    }
  }
};

/// Attention in windows, then two linear layers, each behind a norm and with its input added:
/// [batch, height, width, channels].
struct SwinBlock {
  SwinBlock(const WindowAttentionOptions& attention, double drop)
      : norm1({.normalized_shape = Shape{attention.width}}),
        attn(attention),
        norm2({.normalized_shape = Shape{attention.width}}),
        widen({.in = attention.width, .out = 4 * attention.width}),
        narrow({.in = 4 * attention.width, .out = attention.width}),
        stochastic_depth{require_probability("SwinBlock", "drop", drop)} {
    for (Linear* linear : {&widen, &narrow}) {
      linear->weight = init::trunc_normal(linear->weight.shape(), 0, 0.02);
      linear->bias = init::zeros(linear->bias.shape());
    }
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = x + stochastic_depth(attn(norm1(x)));
    return y + stochastic_depth(narrow(gelu(widen(norm2(y)))));
  }
  auto fields() { return joist::fields("norm1", norm1, "attn", attn, "norm2", norm2, "mlp.0", widen, "mlp.3", narrow); }
  LayerNorm norm1;
  WindowAttention attn;
  LayerNorm norm2;
  Linear widen, narrow;
  DropPath stochastic_depth;
};

/// Four neighbours become one pixel of twice the channels: [batch, height, width, channels] -> half of both sides,
/// rounded up.
struct PatchMerging {
  explicit PatchMerging(std::int64_t channels)
      : norm({.normalized_shape = Shape{4 * require_positive("PatchMerging", "channels", channels)}}),
        reduction({.in = 4 * channels, .out = 2 * channels, .bias = false}) {
    reduction.weight = init::trunc_normal(reduction.weight.shape(), 0, 0.02);
  }
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != 4 || 4 * x.shape(3) != norm.normalized_shape[0])
      throw ShapeError({.where = "PatchMerging",
                        .what = "input of shape " + x.shape().text(),
                        .expected = "[batch, height, width, " + std::to_string(norm.normalized_shape[0] / 4) + "]",
                        .remedy = "permute(x, {0, 2, 3, 1}) where the channels stand second"});
    const std::int64_t height = x.shape(1), width = x.shape(2);
    const Tensor even = height % 2 == 0 && width % 2 == 0
                            ? x
                            : pad(x, std::array<std::int64_t, 6>{0, 0, 0, width % 2, 0, height % 2}, PadMode::constant);
    const auto part = [&](std::int64_t row, std::int64_t column) {
      return slice(slice(even, 1, row, even.shape(1), 2), 2, column, even.shape(2), 2);
    };
    return reduction(norm(concat({part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, 3)));
  }
  auto fields() { return joist::fields("norm", norm, "reduction", reduction); }
  LayerNorm norm;
  Linear reduction;
};

/// [batch, 3, height, width], from 4 pixels -> logits [batch, classes].
struct Swin {
  explicit Swin(const SwinOptions& o = {})
      : norm({.normalized_shape = Shape{8 * require_positive("Swin", "width", o.width)}}),
        head({.in = 8 * o.width, .out = require_positive("Swin", "classes", o.classes)}) {
    require_probability("Swin", "stochastic_depth", o.stochastic_depth);
    Stage stem;
    stem.add(Conv2d{{.in = 3, .out = o.width, .kernel = o.patch, .stride = o.patch, .padding = 0}});
    stem.add(Permute{});
    stem.add(LayerNorm{{.normalized_shape = Shape{o.width}}});
    features.add(std::move(stem));
    std::int64_t all = 0, number = 0, width = o.width;
    for (const std::int64_t repeats : o.repeats) all += require_positive("Swin", "repeats", repeats);
    for (std::size_t i = 0; i < o.repeats.size(); ++i, width *= 2) {
      Stage stage;
      for (std::int64_t block = 0; block < o.repeats[i]; ++block)
        stage.add(SwinBlock(
            {.width = width, .heads = o.heads[i], .window = o.window, .shift = block % 2 == 0 ? 0 : o.window / 2},
            o.stochastic_depth * static_cast<double>(number++) / static_cast<double>(all - 1)));
      features.add(std::move(stage));
      if (i + 1 < o.repeats.size()) features.add(PatchMerging(width));
    }
    head.weight = init::trunc_normal(head.weight.shape(), 0, 0.02);
    head.bias = init::zeros(head.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("Swin", x.shape(), 3);
    return head(flatten(global_average_pool(permute(norm(features(x)), {0, 3, 1, 2}))));
  }
  auto fields() { return joist::fields("features", features, "norm", norm, "head", head); }

  using Stage = Sequence<Conv2d, Permute, LayerNorm, SwinBlock>;
  Sequence<Stage, PatchMerging> features{};
  LayerNorm norm;
  Linear head;
};

}  // namespace joist
