// The default detector: CSP backbone, path-aggregation neck, decoupled anchor-free head with distributional boxes.
// Cross-stage partial networks: Wang et al. 2019; spatial pyramid pooling: He et al. 2014; path aggregation: Liu et al.
// 2018; distributional boxes: Li et al. 2020. Widths and repeats follow the published scale factors.
#pragma once

#include <joist/layers/convolution.h>
#include <joist/layers/detection/head.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// Two 3×3 convolutions, with the input added where `shortcut`.
struct Bottleneck {
  Bottleneck(std::int64_t channels, bool add)
      : cv1({.in = channels, .out = channels}), cv2({.in = channels, .out = channels}), shortcut(add) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor y = cv2(cv1(x));
    return shortcut ? x + y : y;
  }
  auto fields() { return joist::fields("cv1", cv1, "cv2", cv2); }
  ConvNorm cv1, cv2;
  bool shortcut;
};

/// Cross-stage partial block: half of the channels pass through a chain of bottlenecks, and every link of the chain is
/// kept.
struct CrossStage {
  struct Options {
    Required<std::int64_t> in;
    Required<std::int64_t> out;
    std::int64_t repeats = 1;
    bool shortcut = false;
  };
  explicit CrossStage(const Options& options)
      : cv1({.in = options.in, .out = checked(options).out, .kernel = 1}),
        cv2({.in = (2 + options.repeats) * (options.out / 2), .out = options.out, .kernel = 1}) {
    for (std::int64_t i = 0; i < options.repeats; ++i) m.emplace_back(options.out / 2, options.shortcut);
  }
  Tensor operator()(const Tensor& x) const { return behind(cv1(x)); }
  /// Of tensors side by side.
  Tensor operator()(std::span<const Tensor> parts) const { return behind(cv1(parts)); }
  auto fields() { return joist::fields("cv1", cv1, "cv2", cv2, "m", m); }
  ConvNorm cv1, cv2;
  std::vector<Bottleneck> m{};

 private:
  Tensor behind(const Tensor& x) const {
    const std::int64_t half = x.shape(1) / 2;
    std::vector<Tensor> parts{x};  // both halves
    Tensor link = narrow(x, 1, half, half);
    for (const Bottleneck& bottleneck : m) parts.push_back(link = bottleneck(link));
    return cv2(parts);
  }
  static const Options& checked(const Options& options) {
    if (options.out < 2 || options.out % 2 != 0 || options.repeats < 0)
      throw UsageError({.where = "CrossStage",
                        .what = "out " + std::to_string(options.out) + ", repeats " + std::to_string(options.repeats),
                        .expected = "an even number of channels, 2 or more, and repeats from 0",
                        .remedy = "a multiple of 8 channels, which are also the fastest"});
    return options;
  }
};

/// Three chained 5×5 max pools, so that the last looks at 13×13, concatenated.
struct PyramidPool {
  PyramidPool(std::int64_t in, std::int64_t out)
      : cv1({.in = in, .out = in / 2, .kernel = 1}), cv2({.in = in / 2 * 4, .out = out, .kernel = 1}) {}
  Tensor operator()(const Tensor& x) const {
    const PoolOptions pool{.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}};
    std::vector<Tensor> parts{cv1(x)};
    for (int i = 0; i < 3; ++i) parts.push_back(max_pool2d(parts.back(), pool));
    return cv2(parts);
  }
  auto fields() { return joist::fields("cv1", cv1, "cv2", cv2); }
  ConvNorm cv1, cv2;
};

struct YoloOptions {
  std::int64_t classes = 80;
  double width = 0.25;               ///< times 64, 128, 256, 512, 1024 channels, rounded up to 8
  double depth = 0.33;               ///< times 3, 6, 6, 3 repeats, rounded, at least 1
  std::int64_t max_channels = 1024;  ///< before the width factor

  /// Options of a named size: n, s, m, l, x. Throws UsageError.
  static YoloOptions sized(char size, std::int64_t classes) {
    switch (size) {
      case 'n': return {classes, 0.25, 0.33, 1024};
      case 's': return {classes, 0.50, 0.33, 1024};
      case 'm': return {classes, 0.75, 0.67, 768};
      case 'l': return {classes, 1.00, 1.00, 512};
      case 'x': return {classes, 1.25, 1.00, 512};
      default:
        throw UsageError({.where = "yolo",
                          .what = std::string("size '") + size + "'",
                          .expected = "n, s, m, l or x",
                          .remedy = "n is the smallest, x the largest"});
    }
  }
  std::int64_t channels(std::int64_t base) const {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(std::min(base, max_channels)) * width / 8)) * 8;
  }
  std::int64_t repeats(std::int64_t base) const {
    return std::max<std::int64_t>(std::llround(static_cast<double>(base) * depth), 1);
  }
};

/// [batch, 3, height, width] in [0, 1], both multiples of 32 -> Detections at strides 8, 16, 32.
struct Yolo {
  explicit Yolo(const YoloOptions& o = {})
      : stem({.in = 3, .out = checked(o).channels(64), .stride = 2}),
        down2({.in = o.channels(64), .out = o.channels(128), .stride = 2}),
        stage2({.in = o.channels(128), .out = o.channels(128), .repeats = o.repeats(3), .shortcut = true}),
        down3({.in = o.channels(128), .out = o.channels(256), .stride = 2}),
        stage3({.in = o.channels(256), .out = o.channels(256), .repeats = o.repeats(6), .shortcut = true}),
        down4({.in = o.channels(256), .out = o.channels(512), .stride = 2}),
        stage4({.in = o.channels(512), .out = o.channels(512), .repeats = o.repeats(6), .shortcut = true}),
        down5({.in = o.channels(512), .out = o.channels(1024), .stride = 2}),
        stage5({.in = o.channels(1024), .out = o.channels(1024), .repeats = o.repeats(3), .shortcut = true}),
        pool(o.channels(1024), o.channels(1024)),
        top_down4({.in = o.channels(1024) + o.channels(512), .out = o.channels(512), .repeats = o.repeats(3)}),
        top_down3({.in = o.channels(512) + o.channels(256), .out = o.channels(256), .repeats = o.repeats(3)}),
        neck_down4({.in = o.channels(256), .out = o.channels(256), .stride = 2}),
        bottom_up4({.in = o.channels(256) + o.channels(512), .out = o.channels(512), .repeats = o.repeats(3)}),
        neck_down5({.in = o.channels(512), .out = o.channels(512), .stride = 2}),
        bottom_up5({.in = o.channels(512) + o.channels(1024), .out = o.channels(1024), .repeats = o.repeats(3)}),
        head({.in = {o.channels(256), o.channels(512), o.channels(1024)}, .classes = o.classes}) {}

  Detections operator()(const Tensor& x) const {
    if (x.rank() != 4 || x.shape(1) != 3 || x.shape(2) % 32 != 0 || x.shape(3) % 32 != 0)
      throw ShapeError({.where = "yolo",
                        .what = "input " + x.shape().text(),
                        .expected = "[batch, 3, height, width], height and width multiples of 32",
                        .remedy = "resize or pad the pictures"});
    const Tensor c3 = stage3(down3(stage2(down2(stem(x)))));  // stride 8
    const Tensor c4 = stage4(down4(c3));                      // stride 16
    const Tensor c5 = pool(stage5(down5(c4)));                // stride 32
    const auto doubled = [](const Tensor& t) { return interpolate(t, t.shape(2) * 2, t.shape(3) * 2); };
    const Tensor t4 = top_down4(std::array{doubled(c5), c4});
    const Tensor p3 = top_down3(std::array{doubled(t4), c3});
    const Tensor p4 = bottom_up4(std::array{neck_down4(p3), t4});
    const Tensor p5 = bottom_up5(std::array{neck_down5(p4), c5});
    return head({p3, p4, p5});
  }
  auto fields() {
    return joist::fields("stem", stem, "down2", down2, "stage2", stage2, "down3", down3, "stage3", stage3, "down4",
                         down4, "stage4", stage4, "down5", down5, "stage5", stage5, "pool", pool, "top_down4",
                         top_down4, "top_down3", top_down3, "neck_down4", neck_down4, "bottom_up4", bottom_up4,
                         "neck_down5", neck_down5, "bottom_up5", bottom_up5, "head", head);
  }

  ConvNorm stem, down2;
  CrossStage stage2;
  ConvNorm down3;
  CrossStage stage3;
  ConvNorm down4;
  CrossStage stage4;
  ConvNorm down5;
  CrossStage stage5;
  PyramidPool pool;
  CrossStage top_down4, top_down3;
  ConvNorm neck_down4;
  CrossStage bottom_up4;
  ConvNorm neck_down5;
  CrossStage bottom_up5;
  DetectionHead head;

 private:
  static const YoloOptions& checked(const YoloOptions& options) {
    require_positive("Yolo", "classes", options.classes);
    require_positive("Yolo", "max_channels", options.max_channels);
    if (!(options.width > 0) || !(options.depth > 0))
      throw UsageError({.where = "Yolo",
                        .what = "width " + std::to_string(options.width) + ", depth " + std::to_string(options.depth),
                        .expected = "factors above 0",
                        .remedy = "YoloOptions::sized('n', classes)"});
    return options;
  }
};

}  // namespace joist
