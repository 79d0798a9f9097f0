#include <joist/core/error.h>
#include <joist/data/metrics/coco_matching.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

namespace joist::coco {
namespace {

// The values of numpy.linspace, whose last bits decide ties.
double threshold(std::size_t i) {
  return i + 1 == thresholds ? 0.95
                             : static_cast<double>(i) * ((0.95 - 0.5) / static_cast<double>(thresholds - 1)) + 0.5;
}

/// Positions of `ids` in ascending order of the ids, each id once.
std::unordered_map<std::int64_t, std::size_t> ranks(std::vector<std::int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::unordered_map<std::int64_t, std::size_t> result;
  for (const std::int64_t id : ids) result.emplace(id, result.size());
  return result;
}

void check_detections(const std::vector<Detection>& detections,
                      const std::unordered_map<std::int64_t, std::size_t>& images) {
  for (std::size_t i = 0; i < detections.size(); ++i) {
    const Detection& detection = detections[i];
    const Box& box = detection.box;
    const std::string where = "detection " + std::to_string(i);
    if (!images.contains(detection.image_id)) {
      throw DataError({.where = where,
                       .what = "image " + std::to_string(detection.image_id) + " is not in the truth",
                       .remedy = "compare with the truth of the same set"});
    }
    if (!std::isfinite(box.x + box.y + box.width + box.height + detection.score)) {
      throw DataError({.where = where, .what = "its score or box is not a finite number"});
    }
  }
}

}  // namespace

double overlap(const Box& detection, const CocoObject& truth) {
  const Box& box = truth.box;
  const double width = std::min(detection.right(), box.right()) - std::max(detection.x, box.x);
  if (width <= 0) return 0;
  const double height = std::min(detection.bottom(), box.bottom()) - std::max(detection.y, box.y);
  if (height <= 0) return 0;
  const double shared = width * height;
  return shared / (truth.crowd ? detection.area() : detection.area() + box.area() - shared);
}

std::vector<CategoryScenes> scenes_of(const CocoTruth& truth, const std::vector<Detection>& detections) {
  const auto images = ranks(truth.image_ids);
  check_detections(detections, images);
  std::vector<CocoTruth::Category> categories = truth.categories;
  std::stable_sort(categories.begin(), categories.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  categories.erase(
      std::unique(categories.begin(), categories.end(), [](const auto& a, const auto& b) { return a.id == b.id; }),
      categories.end());
  std::unordered_map<std::int64_t, std::size_t> category_ranks;
  for (const auto& category : categories) category_ranks.emplace(category.id, category_ranks.size());

  std::vector<std::unordered_map<std::size_t, Scene>> scenes(categories.size());  // [category][image]
  const auto scene_of = [&](std::int64_t image, std::int64_t category) -> Scene* {
    const auto rank = category_ranks.find(category);
    const auto place = images.find(image);
    if (rank == category_ranks.end() || place == images.end()) return nullptr;
    return &scenes[rank->second][place->second];
  };
  for (const auto& object : truth.objects) {
    if (Scene* scene = scene_of(object.image_id, object.category_id)) scene->truths.push_back(&object);
  }
  for (const auto& detection : detections) {
    if (Scene* scene = scene_of(detection.image_id, detection.category_id)) scene->detections.push_back(&detection);
  }

  std::vector<CategoryScenes> all;
  for (std::size_t c = 0; c < categories.size(); ++c) {
    CategoryScenes& ordered = all.emplace_back(CategoryScenes{.category = categories[c]});
    for (auto& [image, scene] : scenes[c]) {
      scene.image = image;
      auto& best_first = scene.detections;
      std::stable_sort(best_first.begin(), best_first.end(),
                       [](const auto* a, const auto* b) { return a->score > b->score; });
      if (best_first.size() > most_detections) best_first.resize(most_detections);
      ordered.scenes.push_back(std::move(scene));
    }
    std::sort(ordered.scenes.begin(), ordered.scenes.end(),
              [](const Scene& a, const Scene& b) { return a.image < b.image; });
  }
  return all;
}

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
                  .object = std::vector<int>(thresholds * detections, -1),
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
        outcome.object[at] = static_cast<int>(best);
        outcome.ignored[at] = is_ignored[best];
        outcome.matched[at] = scene.truths[best]->id != 0;
      }
      if (outcome.matched[at] == 0 && !range.contains(scene.detections[d]->box.area())) outcome.ignored[at] = 1;
    }
  }
  return outcome;
}

}  // namespace joist::coco
