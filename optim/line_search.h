// Line searches: how far to go along a direction.
#pragma once

#include <joist/core/array.h>

#include <cstdint>
#include <functional>

namespace joist {

/// The function at one point of a line: its value there, its slope along the line and its whole gradient.
struct LinePoint {
  double at = 0;  ///< in lengths of the direction
  double value = 0;
  double slope = 0;
  Array gradient{};
  /// Value and slope are finite; other points are never chosen.
  bool finite() const noexcept;
};
using LineFunction = std::function<LinePoint(double at)>;

struct WolfeOptions {
  double sufficient = 1e-4;        ///< c1: share of the promised decrease that is enough
  double curvature = 0.9;          ///< c2: share of the slope that may be left
  double tolerance_change = 1e-9;  ///< a bracket shorter than this (times `length`) ends the search
  double length = 1;               ///< largest magnitude in the direction
  std::int64_t evaluations = 25;   ///< after the first one
};

struct LineResult {
  LinePoint point{};
  std::int64_t evaluations = 0;
};

/// torch.optim.LBFGS's search for a point that meets the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5
/// and 3.6, with cubic interpolation), begun at `first` from `start` (at 0). A point whose value or slope is not finite
/// counts as infinitely high: the search turns back towards the points that are, and the result is finite where the
/// start is.
LineResult strong_wolfe(const LineFunction& function, const LinePoint& start, double first,
                        const WolfeOptions& options);

/// The minimum, within [low, high], of the cubic through two points with their slopes; the middle where it has none.
double cubic_minimum(const LinePoint& a, const LinePoint& b, double low, double high);

}  // namespace joist
