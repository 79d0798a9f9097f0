// RegNet X and Y (Radosavovic et al. 2020). Names, shapes and initial values are torchvision's.
#pragma once

#include <joist/layers/linear.h>
#include <joist/layers/mobile_block.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// Block i is initial + slope · i channels wide, rounded to a power of `step` times initial, then to 8. The defaults
/// make RegNetY-400MF.
struct RegNetOptions {
  int depth = 16;
  std::int64_t initial = 48;
  double slope = 27.89, step = 2.09;
  std::int64_t per_group = 8;  ///< channels per group of the 3×3 convolutions
  double squeeze = 0.25;       ///< channels inside of the weighing, as a share of the block's input; 0: none (RegNetX)
  std::int64_t classes = 1000;

  /// Options of a named size: x or y, then _400mf, _800mf, _1_6gf, _3_2gf, _8gf, _16gf, _32gf, and y_128gf. Throws
  /// UsageError.
  static RegNetOptions named(const std::string& size, std::int64_t classes = 1000) {
    static const std::vector<std::pair<std::string, RegNetOptions>> sizes{
        {"y_400mf", {16, 48, 27.89, 2.09, 8}},     {"y_800mf", {14, 56, 38.84, 2.4, 16}},
        {"y_1_6gf", {27, 48, 20.71, 2.65, 24}},    {"y_3_2gf", {21, 80, 42.63, 2.66, 24}},
        {"y_8gf", {17, 192, 76.82, 2.19, 56}},     {"y_16gf", {18, 200, 106.23, 2.48, 112}},
        {"y_32gf", {20, 232, 115.89, 2.53, 232}},  {"y_128gf", {27, 456, 160.83, 2.52, 264}},
        {"x_400mf", {22, 24, 24.48, 2.54, 16, 0}}, {"x_800mf", {16, 56, 35.73, 2.28, 16, 0}},
        {"x_1_6gf", {18, 80, 34.01, 2.25, 24, 0}}, {"x_3_2gf", {25, 88, 26.31, 2.25, 48, 0}},
        {"x_8gf", {23, 80, 49.56, 2.88, 120, 0}},  {"x_16gf", {22, 216, 55.59, 2.1, 128, 0}},
        {"x_32gf", {23, 320, 69.86, 2.0, 168, 0}}};
    std::string names;
    for (const auto& [name, options] : sizes) {
      names += (names.empty() ? "" : ", ") + name;
      if (name != size) continue;
      RegNetOptions found = options;
      found.classes = classes;
      return found;
    }
    throw UsageError({.where = "RegNet",
                      .what = "size " + size,
                      .expected = names,
                      .remedy = "y_400mf is the smallest with weighing"});
  }
};

/// Narrow (1×1), filter (3×3 in groups, which carries the stride), weigh the channels, widen (1×1), plus the input.
struct RegNetBlock {
  RegNetBlock(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t per_group, double squeeze)
      : a({.in = in, .out = out, .kernel = 1, .activation = Relu{}}),
        b({.in = out, .out = out, .stride = stride, .groups = out / per_group, .activation = Relu{}}),
        c({.in = out, .out = out, .kernel = 1, .activation = Identity{}}) {
    if (in != out || stride != 1)
      proj.emplace(
          ConvNormUnit::Options{.in = in, .out = out, .kernel = 1, .stride = stride, .activation = Identity{}});
    if (squeeze > 0) se.emplace(out, std::llround(squeeze * static_cast<double>(in)), Relu{});
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = b(a(x));
    return add_relu(proj ? (*proj)(x) : x, c(se ? (*se)(y) : y));
  }
  auto fields() { return joist::fields("proj", proj, "f.a", a, "f.b", b, "f.se", se, "f.c", c); }
  std::optional<ConvNormUnit> proj{};
  ConvNormUnit a, b;
  std::optional<SqueezeExcitation> se{};
  ConvNormUnit c;
};

/// [batch, 3, height, width] -> logits [batch, classes].
struct RegNet {
  using Stage = std::vector<std::pair<std::string, RegNetBlock>>;

  explicit RegNet(const RegNetOptions& o = {})
      : stem({.in = 3, .out = 32, .stride = 2, .activation = Relu{}}),
        fc({.in = widths_of(o).back(), .out = require_positive("RegNet", "classes", o.classes)}) {
    std::int64_t in = 32, before = 0;
    for (const std::int64_t width : widths_of(o)) {
      const bool opens = width != before;
      if (opens) stages.emplace_back("block" + std::to_string(stages.size() + 1), Stage{});
      auto& [name, stage] = stages.back();
      stage.emplace_back(name + "-" + std::to_string(stage.size()),
                         RegNetBlock(in, width, opens ? 2 : 1, std::min(o.per_group, width), o.squeeze));
      in = before = width;
    }
    fc.weight = init::normal(fc.weight.shape(), 0.01);
    fc.bias = init::zeros(fc.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("RegNet", x.shape(), 3);
    Tensor y = stem(x);
    for (const auto& [name, stage] : stages)
      for (const auto& [number, block] : stage) y = block(y);
    return fc(flatten(global_average_pool(y)));
  }
  auto fields() { return joist::fields("stem", stem, "trunk_output", stages, "fc", fc); }

  ConvNormUnit stem;
  std::vector<std::pair<std::string, Stage>> stages{};
  Linear fc;

 private:
  // Of each block. In float32, as the original rounds.
  static std::vector<std::int64_t> widths_of(const RegNetOptions& o) {
    if (o.depth < 1 || o.initial < 8 || o.initial % 8 != 0 || !(o.slope >= 0) || !(o.step > 1) || o.per_group < 1)
      throw UsageError({.where = "RegNet",
                        .what = "depth " + std::to_string(o.depth) + ", initial " + std::to_string(o.initial) +
                                ", slope " + std::to_string(o.slope) + ", step " + std::to_string(o.step) +
                                ", per_group " + std::to_string(o.per_group),
                        .expected = "depth and per_group from 1, initial a multiple of 8, slope from 0, step above 1",
                        .remedy = "RegNetOptions::named(\"y_400mf\")"});
    std::vector<std::int64_t> widths;
    const auto initial = static_cast<float>(o.initial);
    for (int i = 0; i < o.depth; ++i) {
      const float wanted = static_cast<float>(i) * static_cast<float>(o.slope) + initial;
      const float power = std::nearbyint(std::log(wanted / initial) / static_cast<float>(std::log(o.step)));
      const float width = std::nearbyint(initial * std::pow(static_cast<float>(o.step), power) / 8) * 8;
      const auto exact = static_cast<std::int64_t>(width);
      widths.push_back(divisible_channels(static_cast<double>(exact), std::min(o.per_group, exact)));
    }
    return widths;
  }
};

}  // namespace joist
