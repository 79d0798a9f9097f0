// Which detection belongs to which object in one image: the first half of the COCO evaluation. Private to data/.
#pragma once

#include <joist/data/metrics/coco.h>

#include <cstddef>
#include <vector>

namespace joist::coco {

constexpr std::size_t thresholds = 10;  // IoU 0.50:0.05:0.95

struct AreaRange {
  double low;
  double high;
  bool contains(double area) const { return !(area < low || area > high); }
};

/// Objects and detections of one category in one image; detections by falling score, at most 100.
struct Scene {
  std::vector<const CocoObject*> truths{};
  std::vector<const Detection*> detections{};
};

/// How the detections of a scene fared in one area range. matched and ignored are [thresholds, detections].
struct Outcome {
  std::vector<char> matched{};
  std::vector<char> ignored{};
  std::size_t counted_truths = 0;
};

/// IoU of each detection with each object, [detections, truths]; against a crowd, the share of the detection that it
/// covers.
std::vector<double> overlaps_of(const Scene& scene);

/// Gives each detection, best first, the free object that it overlaps most; objects that count come before those that
/// do not. Objects outside `range` do not count.
Outcome match(const Scene& scene, const std::vector<double>& overlaps, const AreaRange& range);

}  // namespace joist::coco
