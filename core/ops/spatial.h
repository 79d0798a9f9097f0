// Options with one entry per spatial axis, shared by convolution and pooling.
#pragma once

#include <joist/core/tensor.h>

#include <algorithm>
#include <string>

namespace joist {

/// The option with `axes` entries: as it is, or one value (or two equal ones) for all axes. Throws ShapeError.
inline Shape per_axis(const char* op, const char* name, const Shape& option, int axes) {
  if (option.rank() == axes) return option;
  // Two equal ones, too: what the options hold by default.
  const bool equal = (option.rank() == 1 || option.rank() == 2) &&
                     std::all_of(option.begin(), option.end(), [&](auto value) { return value == option[0]; });
  if (!equal)
    throw ShapeError({.where = op,
                      .what = std::string(name) + " " + option.text(),
                      .expected = "one entry, or one per spatial axis: " + std::to_string(axes),
                      .remedy = "leave out what is too much, or use the function for as many axes"});
  return Shape::filled(axes, option[0]);
}

/// "[batch, channel, height, width]" for two spatial axes.
inline const char* picture_axes(int spatial) {
  return spatial == 1   ? "[batch, channel, length]"
         : spatial == 2 ? "[batch, channel, height, width]"
                        : "[batch, channel, depth, height, width]";
}

}  // namespace joist
