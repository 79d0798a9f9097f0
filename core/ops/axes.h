// Axes that a reduction takes away.
#pragma once

#include <joist/core/gradient.h>

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace joist {

struct ReducedAxes {
  std::array<bool, Shape::max_rank> reduced{};
  std::vector<int> list{};  ///< ascending
  Shape kept{};             ///< the result's shape with axes of length 1
  Shape dropped{};          ///< and without them
  std::int64_t count = 1;   ///< elements behind each result

  /// Throws ShapeError for an axis out of range or named twice.
  ReducedAxes(const char* op, const Shape& shape, std::span<const int> axes) : kept(shape), dropped(shape) {
    for (const int given : axes) {
      const int axis = shape.axis(given);
      if (std::exchange(reduced[static_cast<std::size_t>(axis)], true))
        throw ShapeError({.where = op, .what = "axis " + std::to_string(given) + " stands twice"});
    }
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (!reduced[static_cast<std::size_t>(axis)]) continue;
      list.push_back(axis);
      count *= shape[axis];
      kept[axis] = 1;
    }
    for (int i = static_cast<int>(list.size()) - 1; i >= 0; --i)
      dropped = dropped.without(list[static_cast<std::size_t>(i)]);
  }
  const Shape& result(bool keep_axes) const { return keep_axes ? kept : dropped; }
};

inline std::vector<int> all_axes(const Tensor& x) {
  std::vector<int> axes(static_cast<std::size_t>(x.rank()));
  for (int i = 0; i < x.rank(); ++i) axes[static_cast<std::size_t>(i)] = i;
  return axes;
}

}  // namespace joist
