#include <joist/tools/training/budget.h>

#include <algorithm>

namespace joist {
namespace {

constexpr std::int64_t ignored_steps = 3;    // the first ones fill caches and build kernels
constexpr std::int64_t measured_steps = 25;  // needed to plan, or …
constexpr double measured_share = 0.05;      // … this share of the time
constexpr double averaged_share = 0.02;      // of the time: how far back the speed of a step is averaged
constexpr double plan_share = 0.002;         // of the time: how often the plan may change
constexpr double evaluation_share = 0.1;     // of the time, for evaluations in between
constexpr double margin_share = 0.01;        // for what cannot be foreseen
constexpr double first_evaluation_steps =
    8;  // an evaluation is taken to cost as much as so many steps until one was measured

}  // namespace

TimeBudget::TimeBudget(double seconds, double spent, std::chrono::steady_clock::time_point began)
    : seconds_(seconds), spent_(spent), began_(began) {}

double TimeBudget::elapsed() const {
  return spent_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

bool TimeBudget::knows_speed() const {
  return steps_ >= measured_steps || (steps_ > ignored_steps && elapsed() > measured_share * seconds_);
}

void TimeBudget::note_step(double seconds) {
  ++steps_;
  if (steps_ <= ignored_steps) return;
  const double window = std::max(averaged_share * seconds_, 1e-3);
  const double weight = std::max(std::min(0.05, seconds / window),
                                 1.0 / static_cast<double>(steps_ - ignored_steps));  // first a plain mean
  recent_step_ += weight * (seconds - recent_step_);
}

void TimeBudget::note_evaluation(double seconds) {
  evaluation_ = std::max(evaluation_, seconds);
  evaluations_ += seconds;
}

void TimeBudget::note_save(double seconds) { save_ = steps_ == 0 ? seconds : std::max(save_, seconds); }

double TimeBudget::step_seconds() const { return std::max(recent_step_, 1e-6); }

double TimeBudget::final_seconds() const {
  const double evaluation = evaluation_ >= 0 ? evaluation_ : first_evaluation_steps * step_seconds();
  return evaluation + 2 * save_ + std::max(margin_share * seconds_, 1.0);
}

std::int64_t TimeBudget::total_from(std::int64_t step) const {
  const double left = seconds_ - elapsed() - final_seconds();
  // What evaluations in between may still take, in proportion to the time left.
  const double between =
      std::min(evaluation_share * std::max(left, 0.0), std::max(evaluation_share * seconds_ - evaluations_, 0.0));
  return step + std::max<std::int64_t>(static_cast<std::int64_t>((left - between) / step_seconds()), 0);
}

bool TimeBudget::may_plan() {
  const double now = elapsed();
  if (planned_ >= 0 && now - planned_ < plan_share * seconds_) return false;
  planned_ = now;
  return true;
}

bool TimeBudget::affords_evaluation() const {
  if (!limited()) return true;
  const double next = evaluation_ >= 0 ? evaluation_ : first_evaluation_steps * step_seconds();
  return evaluations_ + next <= evaluation_share * elapsed();
}

}  // namespace joist
