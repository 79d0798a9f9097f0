// How far a run has come, as a function of its step and of what was planned when: nothing else decides rates, so a run
// whose plan is known can be repeated.
#pragma once

#include <joist/tools/training/options.h>

#include <cstdint>
#include <vector>

namespace joist {

class Plan {
 public:
  Plan() = default;
  /// Throws UsageError unless the points begin at step 0, their steps rise and no total lies before its step.
  explicit Plan(std::vector<PlanPoint> points);

  /// In [0, 1]: where this step (from 0) stands. Rises in straight lines, from each point towards 1 at that point's
  /// total; 0 while the total is not known.
  double progress(std::int64_t step) const;
  /// Steps that the run has by what was known at this step; 0: not known.
  std::int64_t total(std::int64_t step) const;
  /// By all that is known.
  std::int64_t total() const { return points_.back().total; }
  /// Replans from a step on. A point at the same step is replaced.
  void replan(std::int64_t step, std::int64_t total);
  const std::vector<PlanPoint>& points() const noexcept { return points_; }

 private:
  std::vector<PlanPoint> points_{{0, 0}};
};

}  // namespace joist
