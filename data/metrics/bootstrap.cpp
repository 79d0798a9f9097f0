#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/data/metrics/average_precision.h>
#include <joist/data/metrics/bootstrap.h>
#include <joist/data/metrics/coco_matching.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

namespace joist {
namespace {

/// The detections of one class, best first, each with its fate at all thresholds.
struct Merged {
  struct Entry {
    double score;
    std::size_t image;
    std::uint16_t hits;     // a bit per threshold
    std::uint16_t ignored;  // likewise
  };
  std::vector<Entry> entries{};
  std::vector<std::pair<std::size_t, double>> truths{};  // of an image
};

Merged merged(const coco::CategoryScenes& category) {
  Merged all;
  for (const coco::Scene& scene : category.scenes) {
    const coco::Outcome outcome = coco::match(scene, coco::overlaps_of(scene), {0, 1e10});
    const std::size_t count = scene.detections.size();
    if (outcome.counted_truths > 0) all.truths.emplace_back(scene.image, static_cast<double>(outcome.counted_truths));
    for (std::size_t d = 0; d < count; ++d) {
      unsigned hits = 0, ignored = 0;
      for (std::size_t t = 0; t < coco::thresholds; ++t) {
        if (outcome.matched[t * count + d] != 0) hits |= 1U << t;
        if (outcome.ignored[t * count + d] != 0) ignored |= 1U << t;
      }
      all.entries.push_back({scene.detections[d]->score, scene.image, static_cast<std::uint16_t>(hits),
                             static_cast<std::uint16_t>(ignored)});
    }
  }
  std::stable_sort(all.entries.begin(), all.entries.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  return all;
}

/// AP at each threshold when image i counts weights[i] times; false where there is nothing to find.
bool precisions(const Merged& list, const std::vector<double>& weights, std::vector<ScoredHit>& scratch,
                std::array<double, coco::thresholds>& result) {
  double truths = 0;
  for (const auto& [image, count] : list.truths) truths += weights[image] * count;
  if (truths == 0) return false;
  for (std::size_t t = 0; t < coco::thresholds; ++t) {
    scratch.clear();
    for (const Merged::Entry& entry : list.entries)
      if (weights[entry.image] > 0 && (entry.ignored >> t & 1U) == 0)
        scratch.push_back({entry.score, (entry.hits >> t & 1U) != 0, weights[entry.image]});
    result[t] = average_precision(scratch, truths);
  }
  return true;
}

Interval middle_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const double part = place - static_cast<double>(low);
    return low + 1 < values.size() ? values[low] * (1 - part) + values[low + 1] * part : values[low];
  };
  return {at(0.025), at(0.975)};
}

void draw(std::vector<double>& weights, std::uint64_t seed, int number) {
  Random random({.seed = seed, .stream = Stream::test, .step = static_cast<std::uint32_t>(number)});
  std::fill(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) ++weights[static_cast<std::size_t>(random.below(weights.size()))];
}

void require_enough(int draws) {
  if (draws < 20)
    throw UsageError({.where = "bootstrap", .what = std::to_string(draws) + " draws", .expected = "at least 20"});
}

}  // namespace

BootstrapIntervals bootstrap(const CocoTruth& truth, const std::vector<Detection>& detections, int draws,
                             std::uint64_t seed) {
  require_enough(draws);
  std::vector<Merged> classes;
  for (const coco::CategoryScenes& category : coco::scenes_of(truth, detections)) classes.push_back(merged(category));
  BootstrapIntervals result{.draws = draws, .per_class = std::vector<BootstrapIntervals::Category>(classes.size())};
  const std::size_t images = std::unordered_set<std::int64_t>(truth.image_ids.begin(), truth.image_ids.end()).size();
  if (images == 0) return result;
  std::vector<double> weights(images), AP, AP50;
  std::vector<std::vector<double>> class_AP(classes.size()), class_AP50(classes.size());
  std::vector<ScoredHit> scratch;
  for (int number = 0; number < draws; ++number) {
    draw(weights, seed, number);
    double sum = 0, sum50 = 0, count = 0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      std::array<double, coco::thresholds> at{};
      if (!precisions(classes[c], weights, scratch, at)) continue;
      double mean = 0;
      for (const double one : at) mean += one / static_cast<double>(coco::thresholds);
      class_AP[c].push_back(mean);
      class_AP50[c].push_back(at[0]);
      sum += mean;
      sum50 += at[0];
      ++count;
    }
    if (count == 0) continue;
    AP.push_back(sum / count);
    AP50.push_back(sum50 / count);
  }
  result.AP = middle_of(std::move(AP));
  result.AP50 = middle_of(std::move(AP50));
  for (std::size_t c = 0; c < classes.size(); ++c)
    result.per_class[c] = {middle_of(std::move(class_AP[c])), middle_of(std::move(class_AP50[c]))};
  return result;
}

Interval bootstrap_share(const std::vector<char>& hits, int draws, std::uint64_t seed) {
  require_enough(draws);
  if (hits.empty()) return {};
  std::vector<double> weights(hits.size()), shares;
  for (int number = 0; number < draws; ++number) {
    draw(weights, seed, number);
    double sum = 0;
    for (std::size_t i = 0; i < hits.size(); ++i) sum += hits[i] != 0 ? weights[i] : 0;
    shares.push_back(sum / static_cast<double>(hits.size()));
  }
  return middle_of(std::move(shares));
}

}  // namespace joist
