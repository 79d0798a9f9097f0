#include <joist/data/metrics/average_precision.h>

#include <algorithm>
#include <vector>

namespace joist {
namespace {

constexpr int recall_points = 101;
double recall_point(int i) { return i * 0.01; }

}  // namespace

double average_precision(std::span<const ScoredHit> best_first, double truths) {
  if (truths <= 0) return -1;
  // Recall rises at hits only, and no precision is higher than at the hit before it: nothing else need be kept.
  std::vector<double> recall, precision;
  double hits = 0, all = 0;
  for (const ScoredHit& one : best_first) {
    all += one.weight;
    if (!one.hit || one.weight == 0) continue;
    hits += one.weight;
    recall.push_back(hits / truths);
    precision.push_back(hits / all);
  }
  for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double sum = 0;
  std::size_t reached = 0;
  for (int r = 0; r < recall_points; ++r) {
    while (reached < recall.size() && recall[reached] < recall_point(r)) ++reached;
    if (reached == recall.size()) break;
    sum += precision[reached];
  }
  return sum / recall_points;
}

}  // namespace joist
