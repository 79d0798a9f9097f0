// SSDLite with a MobileNetV3 (Howard et al. 2019; SSD: Liu et al. 2016). Names, shapes and initial values are
// torchvision's ssdlite320_mobilenet_v3_large.
#pragma once

#include <joist/layers/detection/head.h>
#include <joist/layers/models/mobilenet_v3.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace joist {

struct SsdLiteOptions {
  std::int64_t classes = 90;  ///< without the background
  /// Half of the channels at strides 16 and 32, as torchvision's COCO weights have it; full ones take the weights of a
  /// mobilenet_v3_large.
  bool reduced_tail = true;
};

/// [batch, 3, height, width] in [0, 1], usually 320 pixels -> Detections with six boxes per cell at six levels.
struct SsdLite {
  explicit SsdLite(const SsdLiteOptions& o = {}) : SsdLite(o, backbone(o).blocks()) {}

  Detections operator()(const Tensor& x) const {
    require_pictures("SsdLite", x.shape(), 3);
    std::vector<Tensor> maps{(*split.expand)(before(x * 2 - 1))};
    Tensor y = split.filter(maps.front());
    y = split.project((*split.weigh)(y));
    for (const auto& [name, layer] : behind) y = std::visit([&y](const auto& one) { return one(y); }, layer);
    maps.push_back(y);
    for (const auto& block : extra) maps.push_back(block(maps.back()));
    std::vector<Tensor> boxes, scores;
    std::vector<AnchorLevel> levels;
    for (std::size_t level = 0; level < maps.size(); ++level) {
      boxes.push_back(per_anchor(regression[level](maps[level]), 4));
      scores.push_back(per_anchor(classification[level](maps[level]), classes + 1));
      levels.push_back({sides_of(level), maps[level].shape(2), maps[level].shape(3)});
    }
    return {.box_logits = unhalved(concat(boxes, 1)),
            .class_logits = unhalved(concat(scores, 1)),
            .boxes = AnchorBoxes{.corners = anchors_at_centers(levels, x.shape(2), x.shape(3)),
                                 .weights = {10, 10, 5, 5},
                                 .background = true}};
  }
  /// torchvision cuts the backbone inside of the block that goes to stride 32.
  auto fields() {
    return joist::fields("backbone.features.0", before, "backbone.features.0.13", *split.expand,
                         "backbone.features.1.0.1", split.filter, "backbone.features.1.0.2", *split.weigh,
                         "backbone.features.1.0.3", split.project, "backbone.features.1", behind, "backbone.extra",
                         extra, "head.classification_head.module_list", classification,
                         "head.regression_head.module_list", regression);
  }

  std::int64_t classes;
  Sequence<ConvNormUnit, MobileBlock> before{};
  MobileBlock split;
  std::vector<std::pair<std::string, std::variant<ConvNormUnit, MobileBlock>>> behind{};
  std::vector<Sequence<ConvNormUnit>> extra{};
  std::vector<Sequence<ConvNormUnit, Conv2d>> classification{}, regression{};

 private:
  static constexpr std::size_t cut = 12;  ///< the first block at stride 32
  static constexpr std::int64_t per_cell = 6;

  static MobileNetV3Options backbone(const SsdLiteOptions& o) {
    require_positive("SsdLite", "classes", o.classes);
    return {.large = true, .reduced_tail = o.reduced_tail, .momentum = 0.03};
  }
  static ConvNormUnit unit(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                           const Unary& activation) {
    ConvNormUnit made({.in = in,
                       .out = out,
                       .kernel = kernel,
                       .stride = stride,
                       .groups = kernel == 1 ? 1 : out,
                       .activation = activation,
                       .epsilon = 1e-3,
                       .momentum = 0.03});
    made.conv.weight = init::normal(made.conv.weight.shape(), 0.03);
    return made;
  }
  SsdLite(const SsdLiteOptions& o, const std::vector<MobileBlock::Options>& blocks)
      : classes(o.classes), split(blocks[cut]) {
    before.add(ConvNormUnit({.in = 3,
                             .out = blocks.front().in,
                             .stride = 2,
                             .activation = HardSwish{},
                             .epsilon = 1e-3,
                             .momentum = 0.03}));
    for (std::size_t i = 0; i < cut; ++i) before.add(MobileBlock(blocks[i]));
    for (std::size_t i = cut + 1; i < blocks.size(); ++i)
      behind.emplace_back(std::to_string(i - cut), MobileBlock(blocks[i]));
    const std::int64_t last = blocks.back().out;
    behind.emplace_back(std::to_string(blocks.size() - cut), unit(last, 6 * last, 1, 1, HardSwish{}));
    std::vector<std::int64_t> widths{split.expand->conv.weight.shape(0), 6 * last, 512, 256, 256, 128};
    for (std::size_t level = 2; level < widths.size(); ++level) {
      auto& block = extra.emplace_back();
      block.add(unit(widths[level - 1], widths[level] / 2, 1, 1, Clamp{0, 6}));
      block.add(unit(widths[level] / 2, widths[level] / 2, 3, 2, Clamp{0, 6}));
      block.add(unit(widths[level] / 2, widths[level], 1, 1, Clamp{0, 6}));
    }
    for (auto& [branch, columns] : {std::pair(&classification, classes + 1), std::pair(&regression, std::int64_t{4})})
      for (const std::int64_t width : widths) {
        auto& block = branch->emplace_back();
        block.add(unit(width, width, 3, 1, Clamp{0, 6}));
        Conv2d& conv = block.add(Conv2d{{.in = width, .out = per_cell * columns, .kernel = 1}});
        conv.weight = init::normal(conv.weight.shape(), 0.03);
        conv.bias = init::zeros(conv.bias.shape());
      }
  }
  // Squares of this level's share of the picture and of the mean with the next one's, and the first in
  // shapes 2:1 and 3:1, both ways; none is larger than the picture.
  static std::vector<std::pair<float, float>> sides_of(std::size_t level) {
    const auto share = [](std::size_t i) { return i == 6 ? 1.0 : 0.2 + (0.95 - 0.2) * static_cast<double>(i) / 5; };
    std::vector<std::pair<double, double>> shares{{share(level), share(level)}};
    const double between = std::sqrt(share(level) * share(level + 1));
    shares.emplace_back(between, between);
    for (const double ratio : {2.0, 3.0}) {
      const double wide = share(level) * std::sqrt(ratio), high = share(level) / std::sqrt(ratio);
      shares.emplace_back(wide, high);
      shares.emplace_back(high, wide);
    }
    std::vector<std::pair<float, float>> found;
    for (const auto& [wide, high] : shares)
      found.emplace_back(std::min(static_cast<float>(wide), 1.0F), std::min(static_cast<float>(high), 1.0F));
    return found;
  }
};

}  // namespace joist
