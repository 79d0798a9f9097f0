#include <joist/data/metrics/operating_points.h>

#include <algorithm>
#include <map>
#include <set>

namespace joist {
namespace {

/// Detections of one class, best first.
struct Shown {
  std::vector<std::pair<double, bool>> found{};  // score, whether it is right
  double objects = 0, pictures = 0;

  OperatingPoint point(double threshold, std::size_t shown, double hits) const {
    OperatingPoint point{.threshold = threshold};
    const double all = static_cast<double>(shown);
    if (shown > 0) point.precision = hits / all;
    if (objects > 0) point.recall = hits / objects;
    if (objects + all > 0) point.f1 = 2 * hits / (objects + all);
    point.false_alarms_per_picture = pictures > 0 ? (all - hits) / pictures : 0;
    return point;
  }
};

ClassOperation operation_of(Shown shown, const std::vector<double>& budgets) {
  std::stable_sort(shown.found.begin(), shown.found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  ClassOperation operation;
  constexpr int points = 101;
  for (auto* curve : {&operation.recall, &operation.precision, &operation.f1}) curve->assign(points, -1);
  for (const double budget : budgets) {
    operation.budgets.push_back(shown.point(1, 0, 0));
    operation.budgets.back().budget = budget;
  }
  operation.best = shown.point(1, 0, 0);
  const auto on_curve = [&](int from, int to, const OperatingPoint& point) {  // thresholds from … to-1, in hundredths
    for (int i = std::max(from, 0); i < std::min(to, points); ++i) {
      const auto at = static_cast<std::size_t>(i);
      operation.recall[at] = point.recall;
      operation.precision[at] = point.precision;
      operation.f1[at] = point.f1;
    }
  };
  const auto hundredth_above = [](double score) {  // the first threshold that hides it
    int i = 0;
    while (i < points && i * 0.01 <= score) ++i;
    return i;
  };
  double hits = 0;
  OperatingPoint before = shown.point(1, 0, 0);
  int drawn_from = points;
  for (std::size_t i = 0; i < shown.found.size(); ++i) {
    hits += shown.found[i].second ? 1 : 0;
    const double score = shown.found[i].first;
    if (i + 1 < shown.found.size() && shown.found[i + 1].first == score) continue;  // shown together or not at all
    const int above = hundredth_above(score);
    on_curve(above, drawn_from, before);
    drawn_from = above;
    before = shown.point(score, i + 1, hits);
    if (before.f1 > operation.best.f1) operation.best = before;
    for (OperatingPoint& point : operation.budgets) {
      const double budget = point.budget;
      if (before.false_alarms_per_picture <= budget) {
        point = before;
        point.budget = budget;
      }
    }
  }
  on_curve(0, drawn_from, before);
  return operation;
}

}  // namespace

std::vector<ClassOperation> operating_points(const CocoTruth& truth, const std::vector<Detection>& detections,
                                             const ErrorAnalysis& errors, const std::vector<double>& budgets) {
  std::map<std::int64_t, Shown> classes;
  const double pictures =
      static_cast<double>(std::set<std::int64_t>(truth.image_ids.begin(), truth.image_ids.end()).size());
  for (const CocoTruth::Category& category : truth.categories) classes[category.id].pictures = pictures;
  for (std::size_t g = 0; g < truth.objects.size(); ++g)
    if (errors.objects[g].counts) ++classes.at(truth.objects[g].category_id).objects;
  for (std::size_t i = 0; i < detections.size(); ++i)
    if (errors.detections[i].counts)
      classes.at(detections[i].category_id)
          .found.emplace_back(detections[i].score, errors.detections[i].kind == ErrorKind::none);
  std::vector<ClassOperation> operations;
  for (auto& [id, shown] : classes) operations.push_back(operation_of(std::move(shown), budgets));
  return operations;
}

}  // namespace joist
