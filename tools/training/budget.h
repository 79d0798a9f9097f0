// A wall-clock budget: what steps, evaluations and saves cost here, and how many steps fit into what is left.
#pragma once

#include <chrono>
#include <cstdint>

namespace joist {

class TimeBudget {
 public:
  /// `seconds`: of the whole run, 0 for no limit. `spent`: by earlier parts of the same run, before they were
  /// interrupted. `began`: when this process began.
  TimeBudget(double seconds, double spent, std::chrono::steady_clock::time_point began);

  bool limited() const noexcept { return seconds_ > 0; }
  /// Of all parts of the run, in seconds.
  double elapsed() const;
  /// Whether enough steps were measured to plan with.
  bool knows_speed() const;

  void note_step(double seconds);
  void note_evaluation(double seconds);
  void note_save(double seconds);

  /// How many steps the run should have if it has done `step` of them: what fits before the final evaluation and
  /// saving, with the evaluations in between taking no more than their share. At least `step`.
  std::int64_t total_from(std::int64_t step) const;
  /// Whether the last time that this was true lies far enough back: the record of the run holds every change of plan.
  bool may_plan();
  /// Whether an evaluation in between stays within its share of the time.
  bool affords_evaluation() const;

 private:
  double step_seconds() const;
  double final_seconds() const;

  double seconds_, spent_;
  std::chrono::steady_clock::time_point began_;
  std::int64_t steps_ = 0;
  double recent_step_ = 0;  // moving average
  double planned_ = -1;     // when may_plan() was true
  double evaluation_ = -1;  // the longest so far; -1: none yet
  double evaluations_ = 0;  // together
  double save_ = 1;         // the longest so far; a guess until then
};

}  // namespace joist
