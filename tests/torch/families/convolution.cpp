// Convolutions, padding, windows, resampling.
#include <joist/tests/torch/families/spatial.h>

#include <limits>

namespace joist::torchdb {
namespace {

using Convolve = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const ConvolutionOptions&);
using ConvolveNamed = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, Padding, const ConvolutionOptions&);
using Transposed = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const TransposedConvolutionOptions&);

void add_convolution(Table& table, int axes, Convolve function, ConvolveNamed named) {
  table.add("nn.functional.conv" + std::to_string(axes) + "d", [=](Call& c) {
    const bool by_name = c.at(4, "padding").kind == Value::Kind::text;
    ConvolutionOptions options{.stride = c.spread(3, "stride", axes, 1),
                               .padding = by_name ? Shape::filled(axes, 0) : c.spread(4, "padding", axes, 0),
                               .dilation = c.spread(5, "dilation", axes, 1),
                               .groups = c.integer(6, "groups", 1)};
    const Tensor weight = c.tensor(1, "weight"), bias = c.maybe(2, "bias");
    return batched(c.tensor(0), axes, [&](const Tensor& x) {
      if (!by_name) return function(x, weight, bias, options);
      return named(x, weight, bias, c.text(4, "padding", "") == "same" ? Padding::same : Padding::valid, options);
    });
  });
}

void add_transposed(Table& table, int axes, Transposed function) {
  table.add("nn.functional.conv_transpose" + std::to_string(axes) + "d", [=](Call& c) {
    const TransposedConvolutionOptions options{.stride = c.spread(3, "stride", axes, 1),
                                               .padding = c.spread(4, "padding", axes, 0),
                                               .output_padding = c.spread(5, "output_padding", axes, 0),
                                               .dilation = c.spread(7, "dilation", axes, 1),
                                               .groups = c.integer(6, "groups", 1)};
    const Tensor weight = c.tensor(1, "weight"), bias = c.maybe(2, "bias");
    return batched(c.tensor(0), axes, [&](const Tensor& x) { return function(x, weight, bias, options); });
  });
}

PadMode pad_mode(const std::string& name) {
  return name == "reflect"     ? PadMode::reflect
         : name == "replicate" ? PadMode::replicate
         : name == "circular"  ? PadMode::circular
                               : PadMode::constant;
}

InterpolateMode mode_of(const std::string& name) {
  return name == "nearest"         ? InterpolateMode::nearest
         : name == "nearest-exact" ? InterpolateMode::nearest_exact
         : name == "linear"        ? InterpolateMode::linear
         : name == "bilinear"      ? InterpolateMode::bilinear
         : name == "trilinear"     ? InterpolateMode::trilinear
         : name == "bicubic"       ? InterpolateMode::bicubic
                                   : InterpolateMode::area;
}

GridSampleOptions grid_options(const std::string& mode, const std::string& padding, bool align) {
  return {.mode = mode == "bilinear"  ? SampleMode::bilinear
                  : mode == "nearest" ? SampleMode::nearest
                                      : SampleMode::bicubic,
          .padding = padding == "zeros"    ? SamplePadding::zeros
                     : padding == "border" ? SamplePadding::border
                                           : SamplePadding::reflection,
          .align_corners = align};
}

void add_windows(Table& table) {
  table.add("constant_pad_nd",
            [](Call& c) { return pad(c.tensor(0), c.integers(1, "pad"), PadMode::constant, c.number(2, "value", 0)); });
  table.add(
      "nn.functional.pad.constant nn.functional.pad.reflect nn.functional.pad.replicate "
      "nn.functional.pad.replicate_negative nn.functional.pad.circular",
      [](Call& c) {
        return pad(c.tensor(0), c.integers(1, "pad"), pad_mode(c.text(2, "mode", "constant")), c.number(3, "value", 0));
      });
  table.add("nn.functional.unfold", [](Call& c) {
    const UnfoldOptions options{.kernel = c.spread(1, "kernel_size", 2, 0),
                                .stride = c.spread(4, "stride", 2, 1),
                                .padding = c.spread(3, "padding", 2, 0),
                                .dilation = c.spread(2, "dilation", 2, 1)};
    return batched(c.tensor(0), 2, [&](const Tensor& x) { return unfold(x, options); });
  });
  table.add("nn.functional.pixel_shuffle",
            [](Call& c) { return pixel_shuffle(c.tensor(0), c.integer(1, "upscale_factor")); });
  table.add("nn.functional.pixel_unshuffle",
            [](Call& c) { return pixel_unshuffle(c.tensor(0), c.integer(1, "downscale_factor")); });
  table.add("nn.functional.channel_shuffle",
            [](Call& c) { return channel_shuffle(c.tensor(0), c.integer(1, "groups")); });
}

void add_resampling(Table& table) {
  for (const char* mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"})
    table.add(std::string("nn.functional.interpolate.") + mode, [mode](Call& c) {
      return interpolate(c.tensor(0), {.size = c.shape(1, "size"),
                                       .scale_factor = c.numbers(2, "scale_factor"),
                                       .mode = mode_of(c.text(3, "mode", mode)),
                                       .align_corners = c.flag(4, "align_corners", false),
                                       .antialias = c.flag(6, "antialias", false),
                                       .recompute_scale_factor = c.flag(5, "recompute_scale_factor", false)});
    });
  table.add("nn.functional.upsample_nearest", [](Call& c) {
    return upsample(c.tensor(0), {.size = c.shape(1, "size"), .scale_factor = c.numbers(2, "scale_factor")});
  });
  table.add("nn.functional.upsample_bilinear", [](Call& c) {
    return upsample(c.tensor(0), {.size = c.shape(1, "size"),
                                  .scale_factor = c.numbers(2, "scale_factor"),
                                  .mode = InterpolateMode::bilinear,
                                  .align_corners = true});
  });
  table.add("nn.functional.grid_sample", [](Call& c) {
    return grid_sample(c.tensor(0), c.tensor(1, "grid"),
                       grid_options(c.text(2, "mode", "bilinear"), c.text(3, "padding_mode", "zeros"),
                                    c.flag(4, "align_corners", false)));
  });
  table.add("grid_sampler_2d", [](Call& c) {
    const char* modes[] = {"bilinear", "nearest", "bicubic"};
    const char* paddings[] = {"zeros", "border", "reflection"};
    return grid_sample(c.tensor(0), c.tensor(1),
                       grid_options(modes[c.integer(2, "")], paddings[c.integer(3, "")], c.flag(4, "", false)));
  });
}

}  // namespace

void add_convolution(Table& table) {
  table.family("convolution");
  add_convolution(table, 1, conv1d, conv1d);
  add_convolution(table, 2, conv2d, conv2d);
  add_convolution(table, 3, conv3d, conv3d);
  add_transposed(table, 1, conv_transpose1d);
  add_transposed(table, 2, conv_transpose2d);
  add_transposed(table, 3, conv_transpose3d);
  table.family("windows");
  add_windows(table);
  table.family("resampling");
  add_resampling(table);
}

}  // namespace joist::torchdb
