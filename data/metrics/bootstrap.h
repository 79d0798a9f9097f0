// How far the numbers of an evaluation can be trusted: the pictures are drawn anew, with replacement, many times.
#pragma once

#include <joist/data/metrics/coco.h>

#include <cstdint>
#include <vector>

namespace joist {

/// Where 95 of 100 draws lie; -1 where there is nothing to measure.
struct Interval {
  double low = -1, high = -1;
};

struct BootstrapIntervals {
  int draws = 0;
  Interval AP{}, AP50{};
  struct Category {
    Interval AP{}, AP50{};
  };
  std::vector<Category> per_class{};  ///< in the order of the ids
};

/// Percentile intervals of AP and AP50 (Efron's bootstrap; pictures are what is drawn). The same seed gives the same
/// numbers. A class without objects in a draw is left out of that draw's mean. Throws DataError like evaluate(),
/// UsageError for less than 20 draws.
BootstrapIntervals bootstrap(const CocoTruth& truth, const std::vector<Detection>& detections, int draws = 1000,
                             std::uint64_t seed = 0);

/// Likewise for a share: `hits` of pictures that are right (1) or not (0).
Interval bootstrap_share(const std::vector<char>& hits, int draws = 1000, std::uint64_t seed = 0);

}  // namespace joist
