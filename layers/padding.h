// Padding layers, named as in torch.nn: ZeroPad2d{{left, right, top, bottom}}, or one amount for all sides:
// ZeroPad2d{{1}}.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <string>

namespace joist {

namespace detail {

/// `amounts` in pairs (before, after) from the last axis, or one amount for all sides of `axes` axes.
inline Tensor pad_sides(const char* layer, const Tensor& x, const Shape& amounts, int axes, PadMode mode,
                        double value = 0) {
  const Shape all = amounts.rank() == 1 ? Shape::filled(2 * axes, amounts[0]) : amounts;
  if (all.rank() != 2 * axes || x.rank() != axes + 2)
    throw ShapeError({.where = layer,
                      .what = "amounts " + amounts.text() + " for input " + x.shape().text(),
                      .expected = "one amount or " + std::to_string(2 * axes) + ", input [batch, channel, ...] with " +
                                  std::to_string(axes) + " axes behind the channels",
                      .remedy = "the layer for the input's number of axes, or unsqueeze(x, 0)"});
  return pad(x, std::span(all.begin(), all.end()), mode, value);
}

}  // namespace detail

struct ConstantPad1d {
  Shape padding{0};
  double value = 0;
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ConstantPad1d", x, padding, 1, PadMode::constant, value);
  }
  auto fields() { return joist::fields(); }
};
struct ZeroPad1d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const { return detail::pad_sides("ZeroPad1d", x, padding, 1, PadMode::constant); }
  auto fields() { return joist::fields(); }
};
struct ReflectionPad1d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReflectionPad1d", x, padding, 1, PadMode::reflect);
  }
  auto fields() { return joist::fields(); }
};
struct ReplicationPad1d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReplicationPad1d", x, padding, 1, PadMode::replicate);
  }
  auto fields() { return joist::fields(); }
};
struct CircularPad1d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("CircularPad1d", x, padding, 1, PadMode::circular);
  }
  auto fields() { return joist::fields(); }
};
struct ConstantPad2d {
  Shape padding{0};
  double value = 0;
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ConstantPad2d", x, padding, 2, PadMode::constant, value);
  }
  auto fields() { return joist::fields(); }
};
struct ZeroPad2d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const { return detail::pad_sides("ZeroPad2d", x, padding, 2, PadMode::constant); }
  auto fields() { return joist::fields(); }
};
struct ReflectionPad2d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReflectionPad2d", x, padding, 2, PadMode::reflect);
  }
  auto fields() { return joist::fields(); }
};
struct ReplicationPad2d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReplicationPad2d", x, padding, 2, PadMode::replicate);
  }
  auto fields() { return joist::fields(); }
};
struct CircularPad2d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("CircularPad2d", x, padding, 2, PadMode::circular);
  }
  auto fields() { return joist::fields(); }
};
struct ConstantPad3d {
  Shape padding{0};
  double value = 0;
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ConstantPad3d", x, padding, 3, PadMode::constant, value);
  }
  auto fields() { return joist::fields(); }
};
struct ZeroPad3d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const { return detail::pad_sides("ZeroPad3d", x, padding, 3, PadMode::constant); }
  auto fields() { return joist::fields(); }
};
struct ReflectionPad3d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReflectionPad3d", x, padding, 3, PadMode::reflect);
  }
  auto fields() { return joist::fields(); }
};
struct ReplicationPad3d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("ReplicationPad3d", x, padding, 3, PadMode::replicate);
  }
  auto fields() { return joist::fields(); }
};
struct CircularPad3d {
  Shape padding{0};
  Tensor operator()(const Tensor& x) const {
    return detail::pad_sides("CircularPad3d", x, padding, 3, PadMode::circular);
  }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
