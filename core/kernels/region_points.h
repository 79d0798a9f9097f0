// Where roi_align samples a picture, one axis at a time; every backend works it out in double by these formulas, so
// that none of them takes another number of points.
#pragma once

#include <joist/core/kernels/windows.h>
#include <joist/core/random.h>

#include <cmath>

namespace joist {

/// Along one axis: a sampling point's two neighbours and their weights; outside: no weight.
struct RegionPoint {
  std::int64_t low, high;
  double low_weight, high_weight;

  JOIST_HOST_DEVICE double weight_of(std::int64_t pixel) const {
    return (pixel == low ? low_weight : 0) + (pixel == high ? high_weight : 0);
  }
};

JOIST_HOST_DEVICE inline RegionPoint region_point(double at, std::int64_t length) {
  if (!(at >= -1 && at <= static_cast<double>(length))) return {0, 0, 0, 0};
  if (at < 0) at = 0;
  const auto low = static_cast<std::int64_t>(at);
  if (low >= length - 1) return {length - 1, length - 1, 1, 0};
  const double rest = at - static_cast<double>(low);
  return {low, low + 1, 1 - rest, rest};
}

/// A region between two coordinates of a picture's axis, cut into bins.
struct RegionAxis {
  double start, bin;  ///< where the first bin begins and how long each is, in pixels
  std::int64_t bins, samples, length;

  JOIST_HOST_DEVICE RegionAxis(double from, double to, std::int64_t wanted_bins, std::int64_t picture,
                               const RoiAlignOptions& options)
      : bins(wanted_bins), samples(options.sampling_ratio), length(picture) {
    const double shift = options.aligned ? 0.5 : 0;
    start = from * options.spatial_scale - shift;
    double size = to * options.spatial_scale - shift - start;
    if (!options.aligned && size < 1) size = 1;
    bin = size / static_cast<double>(bins);
    // No points in a bin that is empty, upside down or not a number.
    if (samples <= 0) samples = bin > 0 && bin < 0x1p62 ? static_cast<std::int64_t>(std::ceil(bin)) : 0;
  }
  /// Sampling point `sample` of bin `number`.
  JOIST_HOST_DEVICE RegionPoint point(std::int64_t number, std::int64_t sample) const {
    return region_point(
        start +
            (static_cast<double>(number) + (static_cast<double>(sample) + 0.5) / static_cast<double>(samples)) * bin,
        length);
  }
};

}  // namespace joist
