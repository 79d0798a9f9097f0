// Checks of options that several layers share. Each throws UsageError "layer: option value" before any work is done.
#pragma once

#include <joist/core/error.h>
#include <joist/core/shape.h>

#include <cstdint>
#include <string>

namespace joist {

/// "Conv2d" for two spatial axes.
inline std::string layer_name(const char* family, int axes) { return family + std::to_string(axes) + "d"; }

/// A number of channels, features, layers, …: 1 or more.
inline std::int64_t require_positive(const std::string& layer, const char* option, std::int64_t value) {
  if (value < 1)
    throw UsageError({.where = layer,
                      .what = std::string(option) + " " + std::to_string(value),
                      .expected = "1 or more",
                      .remedy = std::string("the ") + option + " that the model's other layers and its data have"});
  return value;
}

/// Lengths of 1 or more, at least one of them.
inline const Shape& require_positive(const std::string& layer, const char* option, const Shape& values) {
  bool fits = values.rank() > 0;
  for (const std::int64_t value : values) fits = fits && value > 0;
  if (!fits)
    throw UsageError({.where = layer,
                      .what = std::string(option) + " " + values.text(),
                      .expected = "lengths of 1 or more",
                      .remedy = std::string("the ") + option + " that the model's other layers and its data have"});
  return values;
}

/// Channels of a convolution in groups, both 1 or more and divisible.
inline void require_grouped(const std::string& layer, std::int64_t in, std::int64_t out, std::int64_t groups) {
  require_positive(layer, "in", in);
  require_positive(layer, "out", out);
  if (groups < 1 || in % groups != 0 || out % groups != 0)
    throw UsageError({.where = layer,
                      .what = std::to_string(in) + " channels to " + std::to_string(out) + " in " +
                              std::to_string(groups) + " groups",
                      .expected = "both divisible by groups",
                      .remedy = "1 group, or as many as in for a depthwise convolution"});
}

/// Attention in heads of equal width.
inline void require_heads(const std::string& layer, const char* width_option, std::int64_t width,
                          const char* heads_option, std::int64_t heads) {
  require_positive(layer, width_option, width);
  if (heads < 1 || width % heads != 0)
    throw UsageError({.where = layer,
                      .what = std::string(width_option) + " " + std::to_string(width) + ", " + heads_option + " " +
                              std::to_string(heads),
                      .expected = std::string("a number of heads that divides ") + width_option,
                      .remedy = "1 head, or a width of 64 for each"});
}

/// Below 1: what drops everything learns nothing.
inline double require_probability(const std::string& layer, const char* option, double value) {
  if (!(value >= 0 && value < 1))
    throw UsageError({.where = layer,
                      .what = std::string(option) + " " + std::to_string(value),
                      .expected = "a probability, 0 or more and below 1",
                      .remedy = "the share that is dropped, not what is kept"});
  return value;
}

/// An axis of a weight, counted from the start, from one that may be negative.
inline int require_axis(const std::string& layer, const Shape& weight, int axis) {
  if (axis < -weight.rank() || axis >= weight.rank())
    throw UsageError({.where = layer,
                      .what = "axis " + std::to_string(axis) + " of a weight of shape " + weight.text(),
                      .expected = std::to_string(-weight.rank()) + " to " + std::to_string(weight.rank() - 1),
                      .remedy = "0 for the outputs, 1 for those of a transposed convolution"});
  return axis < 0 ? axis + weight.rank() : axis;
}

/// An axis of the input that was decided when the layer was made.
inline void require_channels(const std::string& layer, const Shape& input, int axis, std::int64_t channels) {
  if (input[axis] != channels)
    throw ShapeError({.where = layer,
                      .what = "input of shape " + input.text(),
                      .expected = std::to_string(channels) + " channels on axis " + std::to_string(axis),
                      .remedy = "a layer of " + std::to_string(input[axis]) +
                                " channels; permute() an input whose channels stand on another axis"});
}

/// A batch of pictures of so many channels: what models take.
inline void require_pictures(const char* model, const Shape& input, std::int64_t channels) {
  if (input.rank() != 4 || input[1] != channels)
    throw ShapeError({.where = model,
                      .what = "input of shape " + input.text(),
                      .expected = "[batch, " + std::to_string(channels) + ", height, width]",
                      .remedy = "unsqueeze(x, 0) for one picture, permute() where the channels stand last"});
}

/// The weight of a new batch in running statistics.
inline double require_momentum(const std::string& layer, double value) {
  if (!(value >= 0 && value <= 1))
    throw UsageError({.where = layer,
                      .what = "momentum " + std::to_string(value),
                      .expected = "0 to 1, the weight of a new batch",
                      .remedy = "0.1 is usual"});
  return value;
}

/// What is added to a variance.
inline double require_epsilon(const std::string& layer, double value) {
  if (!(value >= 0))
    throw UsageError({.where = layer,
                      .what = "epsilon " + std::to_string(value),
                      .expected = "0 or more",
                      .remedy = "1e-5 is usual"});
  return value;
}

}  // namespace joist
