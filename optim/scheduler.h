// Learning rates from step to step: torch.optim.lr_scheduler's as pure functions of the step, so that there is nothing
// to save but a number; and the one that watches a result (Plateau).
#pragma once

#include <joist/optim/optimizer.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// What a schedule says of one step.
struct Scheduled {
  double lr = 0;
  std::optional<double> momentum{};  ///< of schedules that change it too
};
/// From the rate that a group was given and the step (from 0) to its settings.
using Schedule = std::function<Scheduled(double base, std::int64_t step)>;

/// Each throws UsageError for figures that make no sense, naming the allowed range.
namespace schedule {

/// StepLR: times gamma every `size` steps.
Schedule step_decay(std::int64_t size, double gamma = 0.1);
/// MultiStepLR: times gamma at each milestone.
Schedule multi_step_decay(std::vector<std::int64_t> milestones, double gamma = 0.1);
/// ExponentialLR.
Schedule exponential_decay(double gamma);
/// ConstantLR: times `factor` for the first `steps` steps.
Schedule constant_factor(double factor = 1.0 / 3, std::int64_t steps = 5);
/// LinearLR: a factor from `start` to `end` within `steps` steps, then `end`. With end = 1 a warm-up.
Schedule linear_factor(double start = 1.0 / 3, double end = 1, std::int64_t steps = 5);
/// PolynomialLR: to 0 at `steps`.
Schedule polynomial_decay(std::int64_t steps = 5, double power = 1);
/// CosineAnnealingLR: to `least` at `steps`, and up again after it, as in PyTorch.
Schedule cosine_annealing(std::int64_t steps, double least = 0);
/// CosineAnnealingWarmRestarts: periods of `first`, first · growth, … steps.
Schedule cosine_warm_restarts(std::int64_t first, std::int64_t growth = 1, double least = 0);
/// 1/steps, 2/steps, … 1 of the rate, then the rate.
Schedule warm_up(std::int64_t steps);
/// Warm-up, the full rate, then to `least` of the rate in a straight line over the last `decay` of `total` steps.
Schedule warmup_stable_decay(std::int64_t warmup, std::int64_t decay, std::int64_t total, double least = 0);

struct OneCycleOptions {
  double max_lr = 0;  ///< 0: the group's rate
  std::int64_t total_steps = 0;
  double pct_start = 0.3;  ///< share of the steps in which the rate rises
  bool cosine = true;      ///< else straight lines
  bool cycle_momentum = true;
  double base_momentum = 0.85, max_momentum = 0.95;
  double div_factor = 25, final_div_factor = 1e4;
  bool three_phase = false;
};
/// OneCycleLR (Smith and Topin 2019).
Schedule one_cycle(const OneCycleOptions& options);

struct CyclicOptions {
  double base_lr = 0, max_lr = 0;
  std::int64_t step_size_up = 2000;
  std::int64_t step_size_down = 0;  ///< 0: as up
  std::string mode = "triangular";  ///< "triangular2": half as high each cycle; "exp_range": gamma^step
  double gamma = 1;
  bool cycle_momentum = true;
  double base_momentum = 0.8, max_momentum = 0.9;
};
/// CyclicLR (Smith 2017).
Schedule cyclic(const CyclicOptions& options);

/// SequentialLR: schedule i from milestone i - 1 on, which counts its own steps.
Schedule sequential(std::vector<Schedule> schedules, std::vector<std::int64_t> milestones);
/// ChainedScheduler: each changes the rate that the one before gave.
Schedule chained(std::vector<Schedule> schedules);

}  // namespace schedule

/// Sets the groups of an optimizer by a schedule: those of step 0 at once, of the next after each step().
///   Scheduler scheduler(optimizer, schedule::cosine_annealing(1000));
///   … optimizer.step(); scheduler.step();
class Scheduler {
 public:
  /// The groups' present rates are the bases.
  Scheduler(Optimizer& optimizer, Schedule schedule);
  void step() { set_steps(steps_ + 1); }
  std::int64_t steps() const noexcept { return steps_; }
  /// Goes on from a saved number of steps; the bases are those at construction.
  void set_steps(std::int64_t steps);

 private:
  Optimizer& optimizer_;
  Schedule schedule_;
  std::vector<double> bases_{};
  std::int64_t steps_ = 0;
};

struct PlateauOptions {
  bool maximize = false;  ///< the result shall rise (accuracy), not fall (loss)
  double factor = 0.1;
  std::int64_t patience = 10;  ///< results without improvement that are borne
  double threshold = 1e-4;     ///< how much better counts
  bool relative = true;        ///< the threshold is a share of the best
  std::int64_t cooldown = 0;   ///< results after a reduction that do not count
  double min_lr = 0;
  double eps = 1e-8;  ///< smaller changes are not made
};

/// ReduceLROnPlateau. A result that is NaN is no improvement.
class Plateau {
 public:
  struct State {
    double best = 0;
    std::int64_t bad = 0, cooldown = 0;
    bool operator==(const State&) const = default;
  };
  explicit Plateau(Optimizer& optimizer, const PlateauOptions& options = {});
  /// For callers that change rates themselves.
  explicit Plateau(const PlateauOptions& options);
  /// After each evaluation.
  void step(double result);
  /// What step() decides by: whether the rate is to fall now. Rates stay as they are.
  bool falls(double result);
  const State& state() const noexcept { return state_; }
  void load(const State& state) { state_ = state; }

 private:
  bool better(double result) const;

  Optimizer* optimizer_ = nullptr;
  PlateauOptions options_;
  State state_{};
};

}  // namespace joist
