#include <joist/core/error.h>
#include <joist/core/formats/sha256.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/text.h>
#include <joist/optim/clip.h>
#include <joist/optim/registry.h>
#include <joist/optim/regularize.h>
#include <joist/optim/scheduler.h>
#include <joist/optim/vectors.h>
#include <joist/tools/lab/instruments.h>
#include <joist/tools/lab/job.h>
#include <joist/tools/lab/landscape.h>
#include <joist/tools/lab/problem.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

// What surrounds an optimizer's step, taken out of its settings.
struct Around {
  std::string schedule = "constant";
  std::int64_t warmup = 0;
  double clip_norm = 0, proximal_l1 = 0, gradient_noise = 0;

  OptionTable table() {
    return {{"schedule", schedule, {"constant", "linear", "cosine", "one_cycle", "wsd", "step", "exponential"}},
            {"warmup", warmup, {.low = 0, .high = 1e12}},
            {"clip_norm", clip_norm, not_negative},
            {"proximal_l1", proximal_l1, not_negative},
            {"gradient_noise", gradient_noise, not_negative}};
  }
};

Around around_of(Choice& optimizer) {
  Around around;
  std::vector<OptimizerOption> given;
  for (const OptionEntry& entry : around.table())
    if (const auto value = optimizer.take(entry.name)) given.push_back({entry.name, *value});
  assign_options(optimizer.name, around.table(), given);
  return around;
}

Schedule schedule_of(const Around& around, std::int64_t budget) {
  const std::int64_t warmup = std::min(around.warmup, budget), rest = std::max<std::int64_t>(budget - warmup, 1);
  Schedule main = schedule::warm_up(0);
  if (around.schedule == "linear") main = schedule::linear_factor(1, 0, rest);
  if (around.schedule == "cosine") main = schedule::cosine_annealing(rest);
  if (around.schedule == "one_cycle")
    main = schedule::one_cycle({.total_steps = std::max<std::int64_t>(rest, 3), .cycle_momentum = false});
  if (around.schedule == "wsd") main = schedule::warmup_stable_decay(0, std::max<std::int64_t>(rest / 5, 1), rest);
  if (around.schedule == "step") main = schedule::step_decay(std::max<std::int64_t>(rest / 3, 1));
  if (around.schedule == "exponential")
    main = schedule::exponential_decay(std::pow(0.01, 1 / static_cast<double>(rest)));
  if (warmup == 0) return main;
  return [main, warmup](double base, std::int64_t step) {
    if (step >= warmup) return main(base, step - warmup);
    return Scheduled{.lr = base * static_cast<double>(step + 1) / static_cast<double>(warmup)};
  };
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

class Run {
 public:
  explicit Run(const Job& job)
      : job_(job),
        own_(job.optimizer),
        around_(around_of(own_)),
        problem_(make_problem(job.problem, job.seed)),
        parameters_(problem_->fields(), together),
        optimizer_(make_optimizer(own_.name, parameters_, own_.settings)),
        schedule_(schedule_of(around_, job.budget)) {
    for (const GroupSettings& group : optimizer_->groups()) rates_.push_back(group.lr);
    if (job.instruments > 0) instruments_.emplace(*problem_, parameters_, job.seed);
  }

  Outcome operator()() {
    optimizer_->train();
    point();
    for (std::int64_t i = 1; i <= job_.points && !diverged_; ++i) {
      const std::int64_t until = job_.budget * i / job_.points;
      if (until <= evaluations_) continue;
      while (evaluations_ < until && !diverged_ && idle_ < 3) step();
      point();
      if (idle_ >= 3) break;
    }
    Json result{{"job", Json::parse(job_.text())},
                {"parameters", parameters_.count()},
                {"diverged", diverged_},
                {"steps", steps_},
                {"evaluations", evaluated_},
                {"train", train_},
                {"test", test_},
                {"rate", rate_}};
    if (std::any_of(accuracy_.begin(), accuracy_.end(), [](const Json& one) { return !one.is_null(); }))
      result["accuracy"] = accuracy_;
    if (job_.path) result["path"] = path_;
    if (instruments_) result["instruments"] = measured_;
    if (job_.landscape && !diverged_) {
      const Evaluated weights(*optimizer_);
      result["landscape"] = Json::parse(landscape_of(*problem_, parameters_, job_.seed));
    }
    return {.result = result.dump() + "\n",
            .timing = Json{{"seconds", seconds_}, {"points", seconds_at_}}.dump() + "\n"};
  }

 private:
  void step() {
    const auto began = std::chrono::steady_clock::now();
    seed_step(job_.seed, steps_);
    const std::int64_t before = evaluations_;
    for (std::size_t group = 0; group < rates_.size(); ++group)
      optimizer_->groups()[group].lr = schedule_(rates_[group], evaluations_).lr;
    const bool watch = instruments_ && instruments_->wants_steps();
    if (watch || optimizer_->needs_closure()) before_ = copy_of(parameters_.values());
    const double loss = optimizer_->step([&] { return evaluate(steps_); });
    if (around_.proximal_l1 > 0) proximal_l1(*optimizer_, around_.proximal_l1);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (evaluations_ == before) ++evaluations_;
    if (watch) instruments_->stepped(before_);
    // A method with a search that no longer moves is done.
    if (optimizer_->needs_closure()) idle_ = equal(before_, parameters_.values()) ? idle_ + 1 : 0;
    ++steps_;
    losses_ += loss;
    ++loss_count_;
    if (std::isfinite(loss) && !(loss > 1e12 * (1 + std::abs(first_)))) {
      if (job_.path) keep_place();
      return;
    }
    diverged_ = true;
  }

  double evaluate(std::int64_t batch) {
    // The same random numbers in every evaluation of one step, or a search would compare different losses.
    seed_step(job_.seed, steps_);
    const Tensor loss = problem_->loss(batch);
    loss.backward();
    if (around_.gradient_noise > 0) {
      parameters_.complete_gradients();
      add_gradient_noise(parameters_, evaluations_, job_.seed, around_.gradient_noise);
    }
    if (around_.clip_norm > 0) {
      parameters_.complete_gradients();
      clip_gradient_norm(parameters_, around_.clip_norm);
    }
    ++evaluations_;
    return loss.item();
  }

  void point() {
    Measure measure{.loss = std::numeric_limits<double>::quiet_NaN()};
    if (!diverged_) {
      const Evaluated weights(*optimizer_);
      measure = problem_->test();
    }
    if (steps_ == 0) {
      first_ = measure.loss;
      if (job_.path) keep_place();
    }
    if (!std::isfinite(measure.loss)) diverged_ = true;
    evaluated_.push_back(evaluations_);
    seconds_at_.push_back(seconds_);
    train_.push_back(loss_count_ > 0 && !diverged_ ? number(losses_ / static_cast<double>(loss_count_)) : Json());
    test_.push_back(diverged_ ? Json() : number(measure.loss));
    accuracy_.push_back(diverged_ ? Json() : number(measure.accuracy));
    rate_.push_back(number(optimizer_->groups().front().lr));
    losses_ = 0;
    loss_count_ = 0;
    if (!instruments_ || diverged_) return;
    const auto index = static_cast<std::int64_t>(evaluated_.size()) - 1;
    const std::int64_t every = std::max<std::int64_t>(1, job_.points / job_.instruments);
    if (index % every != 0 && index != job_.points) return;
    Json entry = Json::parse(instruments_->measure());
    entry["evaluations"] = evaluations_;
    entry["rate"] = rate_.back();
    measured_.push_back(std::move(entry));
  }

  void keep_place() {
    const Array& values = parameters_.values();
    Json place = Json::array();
    for (const FlatParameters::Slice& slice : parameters_.slices())
      for (std::int64_t i = 0; i < slice.elements; ++i)
        place.push_back(values.sliced(0, slice.first + i, slice.first + i + 1).item());
    path_.push_back(std::move(place));
  }

  Job job_;
  Choice own_;
  Around around_;
  std::unique_ptr<Problem> problem_;
  FlatParameters parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  std::vector<double> rates_{};
  std::optional<Instruments> instruments_{};
  Array before_{};
  std::int64_t evaluations_ = 0, steps_ = 0, idle_ = 0, loss_count_ = 0;
  double losses_ = 0, first_ = 0, seconds_ = 0;
  bool diverged_ = false;
  Json evaluated_ = Json::array(), train_ = Json::array(), test_ = Json::array(), accuracy_ = Json::array(),
       rate_ = Json::array(), path_ = Json::array(), measured_ = Json::array(), seconds_at_ = Json::array();
};

Json json_of(const Choice& choice) {
  Json settings = Json::array();
  for (const OptimizerOption& one : choice.settings) settings.push_back({one.name, one.value});
  return {{"name", choice.name}, {"settings", settings}};
}

Choice choice_of(const Json& json) {
  Choice choice{.name = json.at("name")};
  for (const Json& one : json.at("settings")) choice.settings.push_back({one.at(0), one.at(1)});
  return choice;
}

}  // namespace

std::string Job::text() const {
  return Json{{"problem", json_of(problem)},
              {"optimizer", json_of(optimizer)},
              {"seed", seed},
              {"budget", budget},
              {"points", points},
              {"instruments", instruments},
              {"path", path},
              {"landscape", landscape}}
      .dump();
}

std::string Job::key() const {
  const std::string all = "joist lab 1 " + text();
  return hexadecimal(sha256(std::as_bytes(std::span(all)))).substr(0, 32);
}

Job Job::parse(const std::string& text) {
  const Json json = Json::parse(text);
  return {.problem = choice_of(json.at("problem")),
          .optimizer = choice_of(json.at("optimizer")),
          .seed = json.at("seed"),
          .budget = json.at("budget"),
          .points = json.at("points"),
          .instruments = json.at("instruments"),
          .path = json.at("path"),
          .landscape = json.at("landscape")};
}

Outcome run_job(const Job& job) { return Run(job)(); }

const std::vector<TrainingSetting>& training_settings() {
  static const std::vector<TrainingSetting> all{
      {"schedule", "constant, linear, cosine, one_cycle, wsd, step or exponential, over the budget"},
      {"warmup", "gradients over which the rate rises to its height"},
      {"clip_norm", "largest norm of the gradient; 0: no limit"},
      {"proximal_l1", "strength of the proximal step of L1: weights become exactly 0"},
      {"gradient_noise", "variance of normal noise added to gradients, falling with the steps"}};
  return all;
}

void check_optimizer(const Choice& optimizer) {
  Choice own = optimizer;
  Around around;
  std::vector<std::string> names;
  for (const TrainingSetting& one : training_settings()) names.emplace_back(one.name);
  around_of(own);
  // Two rows and columns: Muon and others want a matrix.
  const std::vector<Field> fields{{"weight", Parameter(Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2})), true}};
  FlatParameters parameters(fields, together);
  try {
    static_cast<void>(make_optimizer(own.name, parameters, own.settings));
  } catch (const UsageError& error) {
    Fault fault = error.fault();
    for (const OptimizerOption& one : own.settings)  // a slip in one of the settings around the step
      if (fault.remedy.empty() && fault.what.find("\"" + printable(one.name) + "\"") != std::string::npos)
        if (const std::string near = nearest_name(one.name, names); !near.empty())
          fault.remedy = "did you mean \"" + near + "\"?";
    throw UsageError(std::move(fault));
  }
}

}  // namespace joist::lab
