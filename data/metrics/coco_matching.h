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

constexpr std::size_t most_detections = 100;  // of a category in an image

/// Objects and detections of one category in one image; detections by falling score, at most 100.
struct Scene {
  std::size_t image = 0;  ///< position of its id among the sorted ids of the truth
  std::vector<const CocoObject*> truths{};
  std::vector<const Detection*> detections{};
};

/// The scenes of one category in the order of the images, only what is not empty.
struct CategoryScenes {
  CocoTruth::Category category{};
  std::vector<Scene> scenes{};
};

/// One entry per category, in the order of the ids. Pointers are into the arguments. Throws DataError for a detection
/// in an image that is not in the truth, or with a score or box that is not finite.
std::vector<CategoryScenes> scenes_of(const CocoTruth& truth, const std::vector<Detection>& detections);

/// How the detections of a scene fared in one area range. matched, ignored and object are [thresholds, detections].
struct Outcome {
  std::vector<char> matched{};
  std::vector<char> ignored{};
  std::vector<int> object{};  ///< index of the truth that the detection was given, -1: none
  std::size_t counted_truths = 0;
};

/// IoU of two boxes; with a crowd, the share of the detection that it covers.
double overlap(const Box& detection, const CocoObject& truth);

/// IoU of each detection with each object, [detections, truths]; against a crowd, the share of the detection that it
/// covers.
std::vector<double> overlaps_of(const Scene& scene);

/// Gives each detection, best first, the free object that it overlaps most; objects that count come before those that
/// do not. Objects outside `range` do not count.
Outcome match(const Scene& scene, const std::vector<double>& overlaps, const AreaRange& range);

}  // namespace joist::coco
