#include <joist/data/metrics/coco_matching.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace joist::coco {
namespace {

// The values of numpy.linspace, whose last bits decide ties.
double threshold(std::size_t i) {
  return i + 1 == thresholds ? 0.95
                             : static_cast<double>(i) * ((0.95 - 0.5) / static_cast<double>(thresholds - 1)) + 0.5;
}

double overlap(const Box& detection, const CocoObject& truth) {
  const Box& box = truth.box;
  const double width = std::min(detection.right(), box.right()) - std::max(detection.x, box.x);
  if (width <= 0) return 0;
  const double height = std::min(detection.bottom(), box.bottom()) - std::max(detection.y, box.y);
  if (height <= 0) return 0;
  const double shared = width * height;
  return shared / (truth.crowd ? detection.area() : detection.area() + box.area() - shared);
}

}  // namespace

std::vector<double> overlaps_of(const Scene& scene) {
  std::vector<double> overlaps;
  overlaps.reserve(scene.detections.size() * scene.truths.size());
  for (const Detection* detection : scene.detections) {
    for (const CocoObject* truth : scene.truths) overlaps.push_back(overlap(detection->box, *truth));
  }
  return overlaps;
}

Outcome match(const Scene& scene, const std::vector<double>& overlaps, const AreaRange& range) {
  const std::size_t truths = scene.truths.size();
  const std::size_t detections = scene.detections.size();
  std::vector<char> is_ignored(truths);
  for (std::size_t g = 0; g < truths; ++g) {
    const CocoObject& truth = *scene.truths[g];
    is_ignored[g] = truth.crowd || truth.ignore || !range.contains(truth.area);
  }
  std::vector<std::size_t> order(truths);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(), [&](std::size_t g) { return is_ignored[g] == 0; });

  Outcome outcome{.matched = std::vector<char>(thresholds * detections),
                  .ignored = std::vector<char>(thresholds * detections),
                  .counted_truths = static_cast<std::size_t>(std::count(is_ignored.begin(), is_ignored.end(), 0))};
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::vector<char> is_taken(truths);
  for (std::size_t t = 0; t < thresholds; ++t) {
    std::fill(is_taken.begin(), is_taken.end(), 0);
    for (std::size_t d = 0; d < detections; ++d) {
      double best_overlap = std::min(threshold(t), 1 - 1e-10);
      std::size_t best = none;
      for (const std::size_t g : order) {
        if (is_taken[g] != 0 && !scene.truths[g]->crowd) continue;
        if (best != none && is_ignored[best] == 0 && is_ignored[g] != 0) break;
        if (overlaps[d * truths + g] < best_overlap) continue;
        best_overlap = overlaps[d * truths + g];
        best = g;
      }
      const std::size_t at = t * detections + d;
      if (best != none) {
        is_taken[best] = 1;
        outcome.ignored[at] = is_ignored[best];
        outcome.matched[at] = scene.truths[best]->id != 0;
      }
      if (outcome.matched[at] == 0 && !range.contains(scene.detections[d]->box.area())) outcome.ignored[at] = 1;
    }
  }
  return outcome;
}

}  // namespace joist::coco
