#include <joist/core/error.h>
#include <joist/tools/training/plan.h>

namespace joist {

Plan::Plan(std::vector<PlanPoint> points) : points_(std::move(points)) {
  bool good = !points_.empty() && points_.front().step == 0;
  for (std::size_t i = 0; good && i < points_.size(); ++i)
    good = (points_[i].total >= points_[i].step || points_[i].total == 0) &&
           (i == 0 || points_[i].step > points_[i - 1].step);
  if (!good)
    throw UsageError({.where = "plan",
                      .what = "the points do not make a plan",
                      .expected = "[[0, total], [step, total], …], steps rising, totals not before their step"});
}

double Plan::progress(std::int64_t step) const {
  double at = 0;
  for (std::size_t i = 0; i < points_.size() && points_[i].step <= step; ++i) {
    const PlanPoint& point = points_[i];
    const std::int64_t end = i + 1 < points_.size() && points_[i + 1].step <= step ? points_[i + 1].step : step;
    if (point.total == 0) continue;
    if (end >= point.total) return 1;
    at += (1 - at) * static_cast<double>(end - point.step) / static_cast<double>(point.total - point.step);
  }
  return at;
}

std::int64_t Plan::total(std::int64_t step) const {
  std::int64_t found = 0;
  for (const PlanPoint& point : points_)
    if (point.step <= step) found = point.total;
  return found;
}

void Plan::replan(std::int64_t step, std::int64_t total) {
  if (points_.back().step == step) points_.pop_back();
  points_.push_back({step, total});
}

}  // namespace joist
