// Follows COCOeval of pycocotools step by step, so that ties and odd cases fall the same way. Per category it makes a
// list of (image, area range) results and merges them by score.
#include <joist/data/metrics/coco.h>
#include <joist/data/metrics/coco_matching.h>

#include <algorithm>
#include <limits>
#include <span>

namespace joist {
namespace {

using coco::AreaRange;
using coco::CategoryScenes;
using coco::Outcome;
using coco::Scene;
using coco::thresholds;

constexpr std::size_t recall_points = 101;  // 0:0.01:1
constexpr std::size_t ranges = 4;           // all, small, medium, large
constexpr std::array<std::size_t, 3> max_detections = {1, 10, coco::most_detections};
constexpr std::size_t limits = max_detections.size();

constexpr std::array<AreaRange, ranges> area_ranges = {{{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}}};

// The values of numpy.linspace, whose last bits decide ties.
double recall_point(std::size_t i) { return static_cast<double>(i) * (1.0 / static_cast<double>(recall_points - 1)); }

struct Curve {
  double recall = -1;
  std::vector<double> precision{};  // at the recall points; empty without truth
  std::vector<double> score{};
};

/// One detection of a merged list: which scene's outcome it belongs to and where in it.
struct Entry {
  double score;
  std::size_t scene;
  std::size_t index;
};

/// Precision over recall at one threshold, made falling and read at the recall points.
Curve curve_of(std::span<const Entry> entries, std::span<const Scene> scenes, std::span<const Outcome> outcomes,
               std::size_t t, std::size_t counted_truths) {
  std::vector<double> recall(entries.size());
  std::vector<double> precision(entries.size());
  double hits = 0;
  double misses = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const std::size_t at = t * scenes[entry.scene].detections.size() + entry.index;
    const Outcome& outcome = outcomes[entry.scene];
    if (outcome.ignored[at] == 0) (outcome.matched[at] != 0 ? hits : misses) += 1;
    recall[i] = hits / static_cast<double>(counted_truths);
    precision[i] = hits / (misses + hits + std::numeric_limits<double>::epsilon());
  }
  for (std::size_t i = entries.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
  Curve curve{.recall = entries.empty() ? 0 : recall.back(),
              .precision = std::vector<double>(recall_points),
              .score = std::vector<double>(recall_points)};
  for (std::size_t r = 0; r < recall_points; ++r) {
    const auto reached = std::lower_bound(recall.begin(), recall.end(), recall_point(r));
    if (reached == recall.end()) break;
    const auto i = static_cast<std::size_t>(reached - recall.begin());
    curve.precision[r] = precision[i];
    curve.score[r] = entries[i].score;
  }
  return curve;
}

/// The mean of what exists, -1 where nothing does.
class Mean {
 public:
  void add(double value) {
    if (value <= -1) return;
    sum_ += value;
    ++count_;
  }
  void add(const std::vector<double>& values) {
    for (const double value : values) add(value);
  }
  double value() const { return count_ == 0 ? -1 : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

struct Means {
  Mean AP, AP50, AP75, APsmall, APmedium, APlarge, AR1, AR10, AR100, ARsmall, ARmedium, ARlarge;

  void add(const Curve& curve, std::size_t t, std::size_t range, std::size_t limit) {
    const std::array<Mean*, ranges> precisions = {&AP, &APsmall, &APmedium, &APlarge};
    const std::array<Mean*, ranges> recalls = {&AR100, &ARsmall, &ARmedium, &ARlarge};
    if (range == 0 && limit == 0) AR1.add(curve.recall);
    if (range == 0 && limit == 1) AR10.add(curve.recall);
    if (limit + 1 != limits) return;
    precisions[range]->add(curve.precision);
    recalls[range]->add(curve.recall);
    if (range == 0 && t == 0) AP50.add(curve.precision);
    if (range == 0 && t == 5) AP75.add(curve.precision);
  }
};

CocoResult::Category evaluate_category(const CocoTruth::Category& category, std::span<const Scene> scenes,
                                       Means& means) {
  CocoResult::Category result{.id = category.id, .name = category.name};
  std::vector<std::vector<double>> overlaps;
  for (const Scene& scene : scenes) overlaps.push_back(coco::overlaps_of(scene));
  Mean precision50, precision75, recall;
  std::array<Mean, ranges> precision;
  for (std::size_t range = 0; range < ranges; ++range) {
    std::vector<Outcome> outcomes;
    std::size_t counted = 0;
    for (std::size_t s = 0; s < scenes.size(); ++s) {
      outcomes.push_back(coco::match(scenes[s], overlaps[s], area_ranges[range]));
      counted += outcomes.back().counted_truths;
    }
    if (range == 0) result.truths = static_cast<std::int64_t>(counted);
    if (counted == 0) continue;
    for (std::size_t limit = range == 0 ? 0 : limits - 1; limit < limits; ++limit) {
      std::vector<Entry> entries;
      for (std::size_t s = 0; s < scenes.size(); ++s) {
        const std::size_t shown = std::min(max_detections[limit], scenes[s].detections.size());
        for (std::size_t d = 0; d < shown; ++d) entries.push_back({scenes[s].detections[d]->score, s, d});
      }
      std::stable_sort(entries.begin(), entries.end(),
                       [](const Entry& a, const Entry& b) { return a.score > b.score; });
      for (std::size_t t = 0; t < thresholds; ++t) {
        Curve curve = curve_of(entries, scenes, outcomes, t, counted);
        means.add(curve, t, range, limit);
        if (limit + 1 != limits) continue;
        precision[range].add(curve.precision);
        if (range != 0) continue;
        recall.add(curve.recall);
        if (t == 5) precision75.add(curve.precision);
        if (t != 0) continue;
        precision50.add(curve.precision);
        result.precision50 = std::move(curve.precision);
        result.score50 = std::move(curve.score);
      }
    }
  }
  result.AP = precision[0].value();
  result.APsmall = precision[1].value();
  result.APmedium = precision[2].value();
  result.APlarge = precision[3].value();
  result.AP50 = precision50.value();
  result.AP75 = precision75.value();
  result.AR100 = recall.value();
  return result;
}

}  // namespace

CocoResult evaluate(const CocoTruth& truth, const std::vector<Detection>& detections) {
  CocoResult result;
  Means means;
  for (const CategoryScenes& one : coco::scenes_of(truth, detections))
    result.per_class.push_back(evaluate_category(one.category, one.scenes, means));
  result.AP = means.AP.value();
  result.AP50 = means.AP50.value();
  result.AP75 = means.AP75.value();
  result.APsmall = means.APsmall.value();
  result.APmedium = means.APmedium.value();
  result.APlarge = means.APlarge.value();
  result.AR1 = means.AR1.value();
  result.AR10 = means.AR10.value();
  result.AR100 = means.AR100.value();
  result.ARsmall = means.ARsmall.value();
  result.ARmedium = means.ARmedium.value();
  result.ARlarge = means.ARlarge.value();
  return result;
}

std::array<std::pair<std::string, double>, 12> twelve(const CocoResult& result) {
  return {{{"AP", result.AP},
           {"AP50", result.AP50},
           {"AP75", result.AP75},
           {"APsmall", result.APsmall},
           {"APmedium", result.APmedium},
           {"APlarge", result.APlarge},
           {"AR1", result.AR1},
           {"AR10", result.AR10},
           {"AR100", result.AR100},
           {"ARsmall", result.ARsmall},
           {"ARmedium", result.ARmedium},
           {"ARlarge", result.ARlarge}}};
}

CocoTruth coco_truth(const Dataset& dataset) {
  CocoTruth truth;
  for (std::size_t c = 0; c < dataset.categories.size(); ++c) {
    truth.categories.push_back({.id = dataset.category_ids[c], .name = dataset.categories[c]});
  }
  for (const Sample& sample : dataset.samples) {
    truth.image_ids.push_back(sample.id);
    for (const Annotation& annotation : sample.annotations) {
      truth.objects.push_back({.id = annotation.id,
                               .image_id = sample.id,
                               .category_id = dataset.category_ids[static_cast<std::size_t>(annotation.category)],
                               .box = annotation.box,
                               .area = annotation.area,
                               .crowd = annotation.crowd});
    }
  }
  return truth;
}

}  // namespace joist
