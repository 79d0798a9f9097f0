// Feature maps of one width at all strides, the coarse ones added to the fine ones (Lin et al. 2017).
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/sequence.h>

#include <cstdint>
#include <vector>

namespace joist {

struct FeaturePyramidOptions {
  Required<std::vector<std::int64_t>> in;  ///< channels of each level, fine ones first
  std::int64_t out = 256;
};

/// torchvision's FeaturePyramidNetwork with two coarser maps made from the last one (P6, P7): as many maps as levels,
/// and two.
struct FeaturePyramid {
  explicit FeaturePyramid(const FeaturePyramidOptions& o)
      : p6({.in = require_positive("FeaturePyramid", "out", o.out), .out = o.out, .stride = 2}),
        p7({.in = o.out, .out = o.out, .stride = 2}) {
    const std::vector<std::int64_t>& in = o.in;
    if (in.empty())
      throw UsageError({.where = "FeaturePyramid",
                        .what = "no level",
                        .expected = "channels of at least one",
                        .remedy = ".in = {512, 1024, 2048} for a ResNet-50"});
    for (const std::int64_t channels : in) {
      inner_blocks.emplace_back().add(
          Conv2d{{.in = require_positive("FeaturePyramid", "in", channels), .out = o.out, .kernel = 1}});
      layer_blocks.emplace_back().add(Conv2d{{.in = o.out, .out = o.out}});
    }
    for (auto* blocks : {&inner_blocks, &layer_blocks})
      for (auto& block : *blocks) reset(std::get<Conv2d>(block.layers.front()));
    reset(p6);
    reset(p7);
  }
  /// One map per level. Throws ShapeError for another number.
  std::vector<Tensor> operator()(const std::vector<Tensor>& features) const {
    if (features.size() != inner_blocks.size())
      throw ShapeError({.where = "FeaturePyramid",
                        .what = std::to_string(features.size()) + " feature maps",
                        .expected = std::to_string(inner_blocks.size()) + ", one for each level",
                        .remedy = "a pyramid made with one entry of in for each feature map"});
    std::vector<Tensor> maps(features.size());
    Tensor inner{};
    for (std::size_t level = features.size(); level-- > 0;) {
      const Tensor lateral = inner_blocks[level](features[level]);
      inner = inner.defined() ? lateral + interpolate(inner, lateral.shape(2), lateral.shape(3)) : lateral;
      maps[level] = layer_blocks[level](inner);
    }
    maps.push_back(p6(maps.back()));
    maps.push_back(p7(relu(maps.back())));
    return maps;
  }
  auto fields() {
    return joist::fields("inner_blocks", inner_blocks, "layer_blocks", layer_blocks, "extra_blocks.p6", p6,
                         "extra_blocks.p7", p7);
  }

  std::vector<Sequence<Conv2d>> inner_blocks{}, layer_blocks{};
  Conv2d p6, p7;

 private:
  static void reset(Conv2d& conv) {
    conv.weight = init::kaiming_uniform(conv.weight.shape(), {.slope = 1});
    conv.bias = init::zeros(conv.bias.shape());
  }
};

}  // namespace joist
