#include <joist/core/error.h>
#include <joist/optim/clip.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/regularize.h>
#include <joist/optim/schedule.h>
#include <joist/tools/lab/around.h>

#include <algorithm>

namespace joist::lab {

OptionTable Around::table() {
  std::vector<std::string> names;
  for (const schedule::ShapeInfo& one : schedule::shapes()) names.push_back(one.name);
  return {{"schedule", schedule, names},
          {"warmup", warmup, {.low = 0, .high = 1e12}},
          {"final_lr", final_lr, zero_to_one},
          {"clip_norm", clip_norm, not_negative},
          {"clip_value", clip_value, not_negative},
          {"clip_units", clip_units, not_negative},
          {"proximal_l1", proximal_l1, not_negative},
          {"gradient_noise", gradient_noise, not_negative},
          {"ema", ema, below_one},
          {"swa", swa, zero_to_one}};
}

const std::vector<TrainingSetting>& training_settings() {
  static const std::vector<TrainingSetting> all = [] {
    std::string schedules = "of the rate over the budget:";
    for (const schedule::ShapeInfo& one : schedule::shapes()) schedules += "\n    " + one.name + ": " + one.help;
    return std::vector<TrainingSetting>{
        {"schedule", schedules},
        {"final_lr", "rate at the end of a schedule, as a share of lr"},
        {"warmup", "gradients over which the rate rises to its height"},
        {"clip_norm", "largest norm of the gradient; 0: no limit"},
        {"clip_value", "largest magnitude of each of its numbers; 0: no limit"},
        {"clip_units", "largest norm of a unit's gradient over that of its weights (adaptive clipping); 0: no limit"},
        {"proximal_l1", "strength of the proximal step of L1: weights become exactly 0"},
        {"gradient_noise", "variance of normal noise added to gradients, falling with the steps"},
        {"ema", "judge a moving average of the weights that keeps this share per step; 0: none"},
        {"swa", "judge the plain mean of the weights over this last share of the run; 0: none"}};
  }();
  return all;
}

Around around_of(Choice& optimizer) {
  Around around;
  std::vector<OptimizerOption> given;
  for (const OptionEntry& entry : around.table())
    if (auto value = optimizer.take(entry.name)) {
      if (entry.name == "schedule") value = schedule::shape_named(*value, optimizer.name + ": schedule");
      given.push_back({entry.name, *value});
    }
  assign_options(optimizer.name, around.table(), given);
  if (around.ema > 0 && around.swa > 0)
    throw UsageError({.where = optimizer.name, .what = "ema and swa, two averages of one run", .expected = "one"});
  return around;
}

Surroundings::Surroundings(const Around& around, FlatParameters& parameters, const std::vector<Field>& fields,
                           Optimizer& optimizer, std::int64_t budget, std::uint64_t seed)
    : around_(around), parameters_(parameters), fields_(fields), optimizer_(optimizer), budget_(budget), seed_(seed) {
  for (const GroupSettings& group : optimizer.groups()) rates_.push_back(group.lr);
  if (around.schedule == "plateau") plateau_.emplace(PlateauOptions{.patience = 2});
  if (around.ema > 0) begin_average();
}

void Surroundings::before_step(std::int64_t evaluations) {
  const double progress = static_cast<double>(evaluations) / static_cast<double>(std::max<std::int64_t>(budget_, 1));
  const double share = schedule::shape(around_.schedule, progress, around_.final_lr) *
                       schedule::warmed_up(evaluations, around_.warmup) * fallen_;
  for (std::size_t group = 0; group < rates_.size(); ++group) optimizer_.groups()[group].lr = rates_[group] * share;
}

void Surroundings::after_gradient(std::int64_t evaluations) {
  if (around_.gradient_noise > 0 || around_.clip_norm > 0 || around_.clip_value > 0 || around_.clip_units > 0)
    parameters_.complete_gradients();
  if (around_.gradient_noise > 0) add_gradient_noise(parameters_, evaluations, seed_, around_.gradient_noise);
  if (around_.clip_units > 0) clip_gradient_units(parameters_, around_.clip_units);
  if (around_.clip_value > 0) clip_gradient_value(parameters_, around_.clip_value);
  if (around_.clip_norm > 0) clip_gradient_norm(parameters_, around_.clip_norm);
}

void Surroundings::after_step(std::int64_t evaluations) {
  if (around_.proximal_l1 > 0) proximal_l1(optimizer_, around_.proximal_l1);
  if (!average_ && around_.swa > 0 &&
      static_cast<double>(evaluations) >= (1 - around_.swa) * static_cast<double>(budget_))
    begin_average();
  if (average_) average_->update();
}

void Surroundings::begin_average() {
  const AverageOptions options =
      around_.swa > 0 ? AverageOptions{.equal = true} : AverageOptions{.decay = around_.ema, .tau = 0};
  average_ = std::make_unique<MovingAverage>(parameters_, fields_, options);
}

void Surroundings::save(Snapshot& snapshot) const {
  snapshot.numbers["around.fallen"] = fallen_;
  if (plateau_) {
    snapshot.numbers["around.best"] = plateau_->state().best;
    snapshot.numbers["around.bad"] = static_cast<double>(plateau_->state().bad);
    snapshot.numbers["around.cooldown"] = static_cast<double>(plateau_->state().cooldown);
  }
  if (!average_) return;
  snapshot.numbers["around.updates"] = static_cast<double>(average_->updates());
  for (const NamedState& one : average_->state()) snapshot.arrays.push_back({"average." + one.name, one.array});
}

void Surroundings::load(const Snapshot& snapshot) {
  const auto whole = [&](const char* name) { return static_cast<std::int64_t>(snapshot.number(name)); };
  fallen_ = snapshot.number("around.fallen");
  if (plateau_)
    plateau_->load(
        {.best = snapshot.number("around.best"), .bad = whole("around.bad"), .cooldown = whole("around.cooldown")});
  if (!snapshot.numbers.contains("around.updates")) return;
  if (!average_) begin_average();
  average_->load(snapshot.part("average"), whole("around.updates"));
}

void Surroundings::result(double loss) {
  if (plateau_ && plateau_->falls(loss)) fallen_ = std::max(fallen_ / 10, around_.final_lr);
}

}  // namespace joist::lab
