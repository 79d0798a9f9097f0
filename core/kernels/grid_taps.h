// Which pixels a point of a grid reads along one axis, and how much each counts; every backend works it out in double
// by these formulas.
#pragma once

#include <joist/core/kernels/resize.h>
#include <joist/core/random.h>

#include <cmath>

namespace joist {

/// Up to four pixels along one axis with their weights and the weights' derivatives by the grid.
class GridTaps {
 public:
  int count = 0;
  std::int64_t pixel[4] = {};
  double weight[4] = {}, slope[4] = {};

  /// `grid`: -1 … 1.
  JOIST_HOST_DEVICE GridTaps(double grid, std::int64_t length, const GridSampleOptions& o) {
    const auto n = static_cast<double>(length);
    double by_grid = o.align_corners ? (n - 1) / 2 : n / 2;
    const double at = o.align_corners ? (grid + 1) / 2 * (n - 1) : ((grid + 1) * n - 1) / 2;
    if (!(std::fabs(at) < 1e15)) {  // infinite, NaN, or beyond what a pixel number can say
      if (o.padding == SamplePadding::border && o.mode != SampleMode::bicubic) add(at > 0 ? n - 1 : 0, length, 1, 0);
      return;
    }
    if (o.mode == SampleMode::bicubic) {
      const double low = std::floor(at);
      for (int k = -1; k < 3; ++k) {
        double unused = 0;
        const double t = at - (low + k);
        add(padded(low + k, length, o, unused), length, cubic(t), cubic_slope(t) * by_grid);
      }
      return;
    }
    const double point = padded(at, length, o, by_grid);
    if (o.mode == SampleMode::nearest) {
      add(std::nearbyint(point), length, 1, 0);
      return;
    }
    const double low = std::floor(point);
    add(low, length, low + 1 - point, -by_grid);
    add(low + 1, length, point - low, by_grid);
  }

 private:
  JOIST_HOST_DEVICE void add(double at, std::int64_t length, double share, double derivative) {
    if (!(at >= 0 && at < static_cast<double>(length))) return;
    pixel[count] = static_cast<std::int64_t>(at);
    weight[count] = share;
    slope[count++] = derivative;
  }
  // Mirrors and clamps a coordinate as the padding asks; `by_grid` is multiplied by the derivative.
  JOIST_HOST_DEVICE static double padded(double at, std::int64_t length, const GridSampleOptions& o, double& by_grid) {
    if (o.padding == SamplePadding::zeros) return at;
    const auto n = static_cast<double>(length);
    if (o.padding == SamplePadding::reflection) {
      const double low = o.align_corners ? 0 : -0.5, span = o.align_corners ? n - 1 : n;
      if (span == 0) {
        by_grid = 0;
        return 0;
      }
      double distance = at - low;
      if (distance < 0) {
        distance = -distance;
        by_grid = -by_grid;
      }
      const double turns = std::floor(distance / span), rest = std::fmod(distance, span);
      const bool back = std::fmod(turns, 2) != 0;
      at = (back ? span - rest : rest) + low;
      if (back) by_grid = -by_grid;
    }
    if (!(at > 0)) {
      by_grid = 0;
      return 0;
    }
    if (at >= n - 1) {
      by_grid = 0;
      return n - 1;
    }
    return at;
  }
  // Keys' cubic convolution with a = -0.75, and its derivative.
  JOIST_HOST_DEVICE static double cubic(double t) {
    const double a = -0.75;
    t = std::fabs(t);
    return t <= 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
  }
  JOIST_HOST_DEVICE static double cubic_slope(double t) {
    const double a = -0.75, sign = t < 0 ? -1 : 1;
    t = std::fabs(t);
    return sign * (t <= 1 ? (3 * (a + 2) * t - 2 * (a + 3)) * t : t < 2 ? (3 * a * t - 10 * a) * t + 8 * a : 0);
  }
};

}  // namespace joist
