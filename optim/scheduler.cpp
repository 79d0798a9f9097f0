#include <joist/core/error.h>
#include <joist/optim/scheduler.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace joist {
namespace schedule {
namespace {

void require(const char* where, const char* name, double value, const OptionRange& range) {
  if (!range.holds(value))
    throw UsageError(
        {.where = where, .what = std::string(name) + " = " + std::to_string(value), .expected = range.text(name)});
}
void require_steps(const char* where, const char* name, std::int64_t value, std::int64_t least = 1) {
  require(where, name, static_cast<double>(value), {.low = static_cast<double>(least)});
}

double number(std::int64_t n) { return static_cast<double>(n); }
double part(std::int64_t step, std::int64_t steps) { return number(std::min(step, steps)) / number(steps); }

template <class Factor>
Schedule times(Factor factor) {
  return [factor](double base, std::int64_t step) { return Scheduled{base * factor(step)}; };
}

double between(double from, double to, double share, bool cosine) {
  return cosine ? to + (from - to) / 2 * (std::cos(std::numbers::pi * share) + 1) : from + (to - from) * share;
}

}  // namespace

Schedule step_decay(std::int64_t size, double gamma) {
  require_steps("step_decay", "size", size);
  require("step_decay", "gamma", gamma, not_negative);
  return times([=](std::int64_t step) { return std::pow(gamma, number(step / size)); });
}

Schedule multi_step_decay(std::vector<std::int64_t> milestones, double gamma) {
  require("multi_step_decay", "gamma", gamma, not_negative);
  return times([milestones = std::move(milestones), gamma](std::int64_t step) {
    return std::pow(gamma, number(std::count_if(milestones.begin(), milestones.end(),
                                                [&](std::int64_t milestone) { return milestone <= step; })));
  });
}

Schedule exponential_decay(double gamma) {
  require("exponential_decay", "gamma", gamma, not_negative);
  return times([=](std::int64_t step) { return std::pow(gamma, number(step)); });
}

Schedule constant_factor(double factor, std::int64_t steps) {
  require("constant_factor", "factor", factor, zero_to_one);
  require_steps("constant_factor", "steps", steps, 0);
  return times([=](std::int64_t step) { return step < steps ? factor : 1.0; });
}

Schedule linear_factor(double start, double end, std::int64_t steps) {
  require("linear_factor", "start", start, {.low = 0, .high = 1, .with_low = false, .with_high = true});
  require("linear_factor", "end", end, zero_to_one);
  require_steps("linear_factor", "steps", steps);
  return times([=](std::int64_t step) { return start + (end - start) * part(step, steps); });
}

Schedule polynomial_decay(std::int64_t steps, double power) {
  require_steps("polynomial_decay", "steps", steps);
  require("polynomial_decay", "power", power, not_negative);
  return times([=](std::int64_t step) { return std::pow(1 - part(step, steps), power); });
}

Schedule cosine_annealing(std::int64_t steps, double least) {
  require_steps("cosine_annealing", "steps", steps);
  return [=](double base, std::int64_t step) {
    return Scheduled{least + (base - least) * (1 + std::cos(std::numbers::pi * number(step) / number(steps))) / 2};
  };
}

Schedule cosine_warm_restarts(std::int64_t first, std::int64_t growth, double least) {
  require_steps("cosine_warm_restarts", "first", first);
  require_steps("cosine_warm_restarts", "growth", growth);
  return [=](double base, std::int64_t step) {
    std::int64_t period = first;
    if (growth == 1) step %= first;
    for (; step >= period; period *= growth) step -= period;
    return Scheduled{least + (base - least) * (1 + std::cos(std::numbers::pi * number(step) / number(period))) / 2};
  };
}

Schedule warm_up(std::int64_t steps) {
  require_steps("warm_up", "steps", steps, 0);
  return times([=](std::int64_t step) { return step < steps ? number(step + 1) / number(steps) : 1.0; });
}

Schedule warmup_stable_decay(std::int64_t warmup, std::int64_t decay, std::int64_t total, double least) {
  require_steps("warmup_stable_decay", "warmup", warmup, 0);
  require_steps("warmup_stable_decay", "decay", decay, 0);
  require_steps("warmup_stable_decay", "total", total, warmup + decay);
  require("warmup_stable_decay", "least", least, zero_to_one);
  return times([=](std::int64_t step) {
    if (step < warmup) return number(step + 1) / number(warmup);
    const std::int64_t left = std::max<std::int64_t>(total - step, 0);
    return left >= decay ? 1.0 : least + (1 - least) * number(left) / number(decay);
  });
}

Schedule one_cycle(const OneCycleOptions& o) {
  require_steps("one_cycle", "total_steps", o.total_steps);
  require("one_cycle", "pct_start", o.pct_start, zero_to_one);
  require("one_cycle", "div_factor", o.div_factor, positive);
  require("one_cycle", "final_div_factor", o.final_div_factor, positive);
  return [o](double base, std::int64_t step) {
    const double highest = o.max_lr > 0 ? o.max_lr : base, initial = highest / o.div_factor;
    const double last = initial / o.final_div_factor, total = number(o.total_steps);
    struct Phase {
      double end, from, to, momentum_from, momentum_to;
    };
    std::vector<Phase> phases{{o.pct_start * total - 1, initial, highest, o.max_momentum, o.base_momentum}};
    if (o.three_phase) {
      phases.push_back({2 * o.pct_start * total - 2, highest, initial, o.base_momentum, o.max_momentum});
      phases.push_back({total - 1, initial, last, o.max_momentum, o.max_momentum});
    } else {
      phases.push_back({total - 1, highest, last, o.base_momentum, o.max_momentum});
    }
    const double at = std::min(number(step), total - 1);
    double start = 0;
    std::size_t i = 0;
    for (; i + 1 < phases.size() && at > phases[i].end; ++i) start = phases[i].end;
    const Phase& phase = phases[i];
    const double share = (at - start) / (phase.end - start);
    Scheduled result{between(phase.from, phase.to, share, o.cosine)};
    if (o.cycle_momentum) result.momentum = between(phase.momentum_from, phase.momentum_to, share, o.cosine);
    return result;
  };
}

Schedule cyclic(const CyclicOptions& o) {
  require_steps("cyclic", "step_size_up", o.step_size_up);
  require_steps("cyclic", "step_size_down", o.step_size_down, 0);
  require("cyclic", "max_lr", o.max_lr, positive);
  if (o.mode != "triangular" && o.mode != "triangular2" && o.mode != "exp_range")
    throw UsageError(
        {.where = "cyclic", .what = "mode \"" + o.mode + "\"", .expected = "triangular, triangular2, exp_range"});
  return [o](double, std::int64_t step) {
    const double up = number(o.step_size_up), down = o.step_size_down > 0 ? number(o.step_size_down) : up;
    const double total = up + down, ratio = up / total;
    const double cycle = std::floor(1 + number(step) / total);
    const double x = 1 + number(step) / total - cycle;
    const double height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    const double scale = o.mode == "triangular"    ? 1
                         : o.mode == "triangular2" ? std::pow(2, 1 - cycle)
                                                   : std::pow(o.gamma, number(step));
    Scheduled result{o.base_lr + (o.max_lr - o.base_lr) * height * scale};
    if (o.cycle_momentum) result.momentum = o.max_momentum - (o.max_momentum - o.base_momentum) * height * scale;
    return result;
  };
}

Schedule sequential(std::vector<Schedule> schedules, std::vector<std::int64_t> milestones) {
  if (schedules.empty() || milestones.size() + 1 != schedules.size() ||
      !std::is_sorted(milestones.begin(), milestones.end()))
    throw UsageError({.where = "sequential",
                      .what = std::to_string(schedules.size()) + " schedules and " + std::to_string(milestones.size()) +
                              " milestones",
                      .expected = "one ascending milestone between each two schedules"});
  return [schedules = std::move(schedules), milestones = std::move(milestones)](double base, std::int64_t step) {
    const auto passed = std::upper_bound(milestones.begin(), milestones.end(), step);
    const auto index = static_cast<std::size_t>(passed - milestones.begin());
    return schedules[index](base, index == 0 ? step : step - milestones[index - 1]);
  };
}

Schedule chained(std::vector<Schedule> schedules) {
  return [schedules = std::move(schedules)](double base, std::int64_t step) {
    Scheduled result{base};
    for (const Schedule& schedule : schedules) {
      Scheduled next = schedule(result.lr, step);
      if (!next.momentum) next.momentum = result.momentum;
      result = next;
    }
    return result;
  };
}

}  // namespace schedule

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule) : optimizer_(optimizer), schedule_(std::move(schedule)) {
  for (const GroupSettings& group : optimizer.groups()) bases_.push_back(group.lr);
  set_steps(0);
}

void Scheduler::set_steps(std::int64_t steps) {
  steps_ = steps;
  std::vector<GroupSettings>& groups = optimizer_.groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Scheduled now = schedule_(bases_[i], steps);
    groups[i].lr = now.lr;
    if (now.momentum) groups[i].momentum = *now.momentum;
  }
}

Plateau::Plateau(Optimizer& optimizer, const PlateauOptions& options) : Plateau(options) { optimizer_ = &optimizer; }

Plateau::Plateau(const PlateauOptions& options) : options_(options) {
  schedule::require("Plateau", "factor", options.factor, below_one);
  schedule::require_steps("Plateau", "patience", options.patience, 0);
  schedule::require_steps("Plateau", "cooldown", options.cooldown, 0);
  const double infinity = std::numeric_limits<double>::infinity();
  state_.best = options.maximize ? -infinity : infinity;
}

bool Plateau::better(double result) const {
  const double sign = options_.maximize ? 1 : -1;
  const double limit =
      options_.relative ? state_.best * (1 + sign * options_.threshold) : state_.best + sign * options_.threshold;
  return options_.maximize ? result > limit : result < limit;
}

bool Plateau::falls(double result) {
  if (better(result)) {
    state_.best = result;
    state_.bad = 0;
  } else {
    ++state_.bad;
  }
  if (state_.cooldown > 0) {
    --state_.cooldown;
    state_.bad = 0;
  }
  if (state_.bad <= options_.patience) return false;
  state_.cooldown = options_.cooldown;
  state_.bad = 0;
  return true;
}

void Plateau::step(double result) {
  if (!falls(result) || !optimizer_) return;
  for (GroupSettings& group : optimizer_->groups()) {
    const double next = std::max(group.lr * options_.factor, options_.min_lr);
    if (group.lr - next > options_.eps) group.lr = next;
  }
}

}  // namespace joist
