// ShuffleNetV2 (Ma et al. 2018). Names and shapes are torchvision's.
#pragma once

#include <joist/layers/convolution_unit.h>
#include <joist/layers/linear.h>
#include <joist/layers/reshape.h>
#include <joist/layers/sequence.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct ShuffleNetV2Options {
  std::vector<std::int64_t> channels{24, 116, 232, 464, 1024};  ///< stem, three stages, in front of the classifier
  std::vector<std::int64_t> repeats{4, 8, 4};
  std::int64_t classes = 1000;

  /// Options of width 0.5, 1, 1.5 or 2. Throws UsageError.
  static ShuffleNetV2Options sized(double width, std::int64_t classes = 1000) {
    if (width == 0.5) return {{24, 48, 96, 192, 1024}, {4, 8, 4}, classes};
    if (width == 1) return {{24, 116, 232, 464, 1024}, {4, 8, 4}, classes};
    if (width == 1.5) return {{24, 176, 352, 704, 1024}, {4, 8, 4}, classes};
    if (width == 2) return {{24, 244, 488, 976, 2048}, {4, 8, 4}, classes};
    throw UsageError({.where = "ShuffleNetV2",
                      .what = "width " + std::to_string(width),
                      .expected = "0.5, 1, 1.5 or 2",
                      .remedy = "channels of your own"});
  }
};

/// Half of the channels pass, the other half is filtered (1×1, 3×3 depthwise, 1×1), both are mixed; with stride 2 both
/// halves are filtered. Throws UsageError unless `out` is even and, with stride 1, equal to `in`.
struct ShuffleBlock {
  using Branch = Sequence<Conv2d, BatchNorm2d, IdentityLayer>;

  ShuffleBlock(std::int64_t in, std::int64_t out, std::int64_t stride) {
    if (in < 1 || out < 2 || out % 2 != 0 || (stride == 1 && in != out))
      throw UsageError(
          {.where = "ShuffleBlock",
           .what = std::to_string(in) + " channels to " + std::to_string(out) + ", stride " + std::to_string(stride),
           .expected = "an even number of channels, which stays with stride 1",
           .remedy = "stride 2 where the number changes"});
    const std::int64_t half = out / 2;
    if (stride != 1) {
      filter(branch1, in, stride);
      mix(branch1, in, half);
    }
    mix(branch2, stride == 1 ? half : in, half);
    filter(branch2, half, stride);
    mix(branch2, half, half);
  }
  Tensor operator()(const Tensor& x) const {
    if (!branch1.layers.empty()) return channel_shuffle(concat({branch1(x), branch2(x)}, 1), 2);
    const std::vector<Tensor> halves = chunk(x, 2, 1);
    return channel_shuffle(concat({halves.front(), branch2(halves.back())}, 1), 2);
  }
  auto fields() { return joist::fields("branch1", branch1, "branch2", branch2); }
  Branch branch1{}, branch2{};

 private:
  static void mix(Branch& branch, std::int64_t in, std::int64_t out) {
    branch.add(Conv2d{{.in = in, .out = out, .kernel = 1, .bias = false}});
    branch.add(BatchNorm2d{{.channels = out, .activation = Relu{}}});
    branch.add(IdentityLayer{});  // where torchvision counts the activation
  }
  static void filter(Branch& branch, std::int64_t channels, std::int64_t stride) {
    branch.add(Conv2d{{.in = channels, .out = channels, .stride = stride, .groups = channels, .bias = false}});
    branch.add(BatchNorm2d{{.channels = channels}});
  }
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct ShuffleNetV2 {
  explicit ShuffleNetV2(const ShuffleNetV2Options& o = {})
      : conv1({.in = 3, .out = checked(o).channels[0], .stride = 2, .activation = Relu{}}),
        conv5({.in = o.channels[3], .out = o.channels[4], .kernel = 1, .activation = Relu{}}),
        fc({.in = o.channels[4], .out = require_positive("ShuffleNetV2", "classes", o.classes)}) {
    const std::array stages{&stage2, &stage3, &stage4};
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      const std::int64_t in = o.channels[stage], out = o.channels[stage + 1];
      stages[stage]->add(ShuffleBlock(in, out, 2));
      for (std::int64_t i = 1; i < o.repeats[stage]; ++i) stages[stage]->add(ShuffleBlock(out, out, 1));
    }
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("ShuffleNetV2", x.shape(), 3);
    const Tensor y = max_pool2d(conv1(x), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    return fc(flatten(global_average_pool(conv5(stage4(stage3(stage2(y)))))));
  }
  auto fields() {
    return joist::fields("conv1", conv1, "stage2", stage2, "stage3", stage3, "stage4", stage4, "conv5", conv5, "fc",
                         fc);
  }

  ConvNormUnit conv1;
  Sequence<ShuffleBlock> stage2{}, stage3{}, stage4{};
  ConvNormUnit conv5;
  Linear fc;

 private:
  static const ShuffleNetV2Options& checked(const ShuffleNetV2Options& o) {
    if (o.channels.size() != 5 || o.repeats.size() != 3)
      throw UsageError(
          {.where = "ShuffleNetV2",
           .what = std::to_string(o.channels.size()) + " channels and " + std::to_string(o.repeats.size()) + " repeats",
           .expected = "5 and 3",
           .remedy = "ShuffleNetV2Options::sized(1)"});
    return o;
  }
};

}  // namespace joist
