// R(2+1)D (Tran et al. 2018): a residual network for clips whose convolutions are split into space and time. Names,
// shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/layers/reshape.h>
#include <joist/layers/sequence.h>

#include <array>
#include <cstdint>
#include <optional>

namespace joist {

struct VideoResNetOptions {
  std::int64_t classes = 400;
  std::array<std::int64_t, 4> repeats{2, 2, 2, 2};  ///< R(2+1)D-18
};

/// 1 × 3 × 3 and 3 × 1 × 1 convolutions, each with its normalization: [batch, in, frames, height, width] -> [batch,
/// out, frames, height, width], all three lengths divided by the stride.
struct FactoredConvolution {
  FactoredConvolution(std::int64_t in, std::int64_t out, std::int64_t between, std::int64_t stride,
                      const Unary& activation)
      : space({.in = in,
               .out = between,
               .kernel = {1, 3, 3},
               .stride = {1, stride, stride},
               .padding = {0, 1, 1},
               .bias = false}),
        norm({.channels = between, .activation = Relu{}}),
        time({.in = between,
              .out = out,
              .kernel = {3, 1, 1},
              .stride = {stride, 1, 1},
              .padding = {1, 0, 0},
              .bias = false}),
        last({.channels = out, .activation = activation}) {
    for (Conv3d* conv : {&space, &time}) conv->weight = init::he_normal_fan_out(conv->weight.shape());
  }
  Tensor operator()(const Tensor& x) const { return last(time(norm(space(x)))); }
  auto fields() { return joist::fields("0.0", space, "0.1", norm, "0.3", time, "1", last); }
  Conv3d space;
  BatchNorm3d norm;
  Conv3d time;
  BatchNorm3d last;
};

/// Two factored convolutions plus the shortcut, as in BasicBlock.
struct VideoBlock {
  VideoBlock(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1(in, out, between(in, out), stride, Relu{}), conv2(out, out, between(in, out), 1, Identity{}) {
    if (stride == 1 && in == out) return;
    auto& shortcut = downsample.emplace();
    Conv3d& conv =
        shortcut.add(Conv3d{{.in = in, .out = out, .kernel = 1, .stride = stride, .padding = 0, .bias = false}});
    conv.weight = init::he_normal_fan_out(conv.weight.shape());
    shortcut.add(BatchNorm3d{{.channels = out}});
  }
  Tensor operator()(const Tensor& x) const { return add_relu(conv2(conv1(x)), downsample ? (*downsample)(x) : x); }
  auto fields() { return joist::fields("conv1", conv1, "conv2", conv2, "downsample", downsample); }
  FactoredConvolution conv1, conv2;
  std::optional<Sequence<Conv3d, BatchNorm3d>> downsample{};

 private:
  // As many parameters as a 3 × 3 × 3 convolution.
  static std::int64_t between(std::int64_t in, std::int64_t out) {
    require_positive("VideoBlock", "in", in);
    require_positive("VideoBlock", "out", out);
    return in * out * 27 / (in * 9 + 3 * out);
  }
};

/// [batch, 3, frames, height, width], or pictures [batch, 3, height, width] as clips of one frame -> logits
/// [batch, classes].
struct VideoResNet {
  explicit VideoResNet(const VideoResNetOptions& o = {})
      : fc({.in = 512, .out = require_positive("VideoResNet", "classes", o.classes)}) {
    stem.add(
        Conv3d{{.in = 3, .out = 45, .kernel = {1, 7, 7}, .stride = {1, 2, 2}, .padding = {0, 3, 3}, .bias = false}});
    stem.add(BatchNorm3d{{.channels = 45, .activation = Relu{}}});
    stem.add(IdentityLayer{});  // where torchvision counts the activation
    stem.add(Conv3d{{.in = 45, .out = 64, .kernel = {3, 1, 1}, .padding = {1, 0, 0}, .bias = false}});
    stem.add(BatchNorm3d{{.channels = 64, .activation = Relu{}}});
    std::int64_t in = 64, width = 64;
    const std::array layers{&layer1, &layer2, &layer3, &layer4};
    for (std::size_t layer = 0; layer < layers.size(); ++layer, width *= 2)
      for (std::int64_t i = 0; i < o.repeats[layer]; ++i, in = width)
        layers[layer]->add(VideoBlock(in, width, i == 0 && layer > 0 ? 2 : 1));
    fc.weight = init::normal(fc.weight.shape(), 0.01);
    fc.bias = init::zeros(fc.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != 5) require_pictures("VideoResNet", x.shape(), 3);
    const Tensor clips = x.rank() == 5 ? x : unsqueeze(x, 2);
    require_channels("VideoResNet", clips.shape(), 1, 3);
    return fc(flatten(adaptive_avg_pool3d(layer4(layer3(layer2(layer1(stem(clips))))), {1})));
  }
  auto fields() {
    return joist::fields("stem", stem, "layer1", layer1, "layer2", layer2, "layer3", layer3, "layer4", layer4, "fc",
                         fc);
  }

  Sequence<Conv3d, BatchNorm3d, IdentityLayer> stem{};
  Sequence<VideoBlock> layer1{}, layer2{}, layer3{}, layer4{};
  Linear fc;
};

}  // namespace joist
