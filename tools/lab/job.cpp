#include <joist/core/error.h>
#include <joist/core/formats/sha256.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/text.h>
#include <joist/optim/registry.h>
#include <joist/optim/vectors.h>
#include <joist/tools/lab/around.h>
#include <joist/tools/lab/instruments.h>
#include <joist/tools/lab/job.h>
#include <joist/tools/lab/landscape.h>
#include <joist/tools/lab/problem.h>
#include <joist/tools/lab/snapshot.h>
#include <joist/tools/training/checkpoint.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

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
        surroundings_(around_, parameters_, problem_->fields(), *optimizer_, job.budget, job.seed) {
    if (job.instruments > 0) instruments_.emplace(*problem_, parameters_, job.seed);
  }

  Outcome operator()(const std::string& snapshot) {
    optimizer_->train();
    if (!load(snapshot)) point();
    for (std::int64_t i = 1; i <= job_.points && !diverged_; ++i) {
      const std::int64_t until = job_.budget * i / job_.points;
      if (until <= evaluations_) continue;
      while (evaluations_ < until && !diverged_ && idle_ < 3) step();
      point();
      if (idle_ >= 3) break;
      if (!diverged_ && !snapshot.empty()) save_sometimes(snapshot);
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
      const Averaged averaged(surroundings_.average());
      result["landscape"] = Json::parse(landscape_of(*problem_, parameters_, job_.seed));
    }
    Json timing{{"seconds", seconds_}, {"points", seconds_at_}};
    if (resumed_ > 0) timing["resumed_at"] = resumed_;
    return {.result = result.dump() + "\n", .timing = timing.dump() + "\n"};
  }

 private:
  void step() {
    const auto began = std::chrono::steady_clock::now();
    seed_step(job_.seed, steps_);
    const std::int64_t before = evaluations_;
    surroundings_.before_step(evaluations_);
    const bool watch = instruments_ && instruments_->wants_steps();
    if (watch || optimizer_->needs_closure()) before_ = copy_of(parameters_.values());
    const double loss = optimizer_->step([&] { return evaluate(steps_); });
    surroundings_.after_step(evaluations_);
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

  // Lists and counters of a run under way, by name.
  template <class Visit>
  void visit_state(Visit&& visit) {
    visit("evaluated", evaluated_), visit("train", train_), visit("test", test_), visit("accuracy", accuracy_);
    visit("rate", rate_), visit("path", path_), visit("instruments", measured_), visit("seconds_at", seconds_at_);
  }

  // At least a second apart, and a twentieth of the time at most.
  void save_sometimes(const std::string& file) {
    const auto began = Clock::now();
    if (began - saved_ < std::max(20 * save_took_, Clock::duration(std::chrono::seconds(1)))) return;
    Snapshot snapshot{.texts = {{"job", job_.text()}, {"key", job_.key()}}};
    visit_state([&](const char* name, const Json& list) { snapshot.texts[name] = list.dump(); });
    snapshot.numbers = {{"evaluations", static_cast<double>(evaluations_)},
                        {"steps", static_cast<double>(steps_)},
                        {"idle", static_cast<double>(idle_)},
                        {"first", first_},
                        {"seconds", seconds_}};
    for (const NamedState& one : weights_of(problem_->fields()))
      snapshot.arrays.push_back({"model." + one.name, one.array});
    const OptimizerState state = optimizer_->state();
    snapshot.numbers["optimizer.steps"] = static_cast<double>(state.steps);
    for (const NamedState& one : state.arrays) snapshot.arrays.push_back({"optimizer." + one.name, one.array});
    surroundings_.save(snapshot);
    if (instruments_) instruments_->save(snapshot);
    store_snapshot(file, snapshot);
    saved_ = Clock::now();
    save_took_ = saved_ - began;
  }

  // Whether there was such a state of this very run.
  bool load(const std::string& file) {
    if (file.empty()) return false;
    const std::optional<Snapshot> snapshot = read_snapshot(file);
    if (!snapshot || !snapshot->texts.contains("key") || snapshot->texts.at("key") != job_.key()) return false;
    load_weights(problem_->fields(), snapshot->part("model"), file);
    OptimizerState state = optimizer_->state();
    state.arrays = snapshot->part("optimizer");
    state.steps = static_cast<std::int64_t>(snapshot->number("optimizer.steps"));
    optimizer_->load(state);
    surroundings_.load(*snapshot);
    if (instruments_) instruments_->load(*snapshot);
    visit_state([&](const char* name, Json& list) { list = Json::parse(snapshot->texts.at(name)); });
    resumed_ = evaluations_ = static_cast<std::int64_t>(snapshot->number("evaluations"));
    steps_ = static_cast<std::int64_t>(snapshot->number("steps"));
    idle_ = static_cast<std::int64_t>(snapshot->number("idle"));
    first_ = snapshot->number("first");
    seconds_ = snapshot->number("seconds");
    return true;
  }

  double evaluate(std::int64_t batch) {
    // The same random numbers in every evaluation of one step, or a search would compare different losses.
    seed_step(job_.seed, steps_);
    const Tensor loss = problem_->loss(batch);
    loss.backward();
    surroundings_.after_gradient(evaluations_);
    ++evaluations_;
    return loss.item();
  }

  void point() {
    Measure measure{.loss = std::numeric_limits<double>::quiet_NaN()};
    if (!diverged_) {
      const Evaluated weights(*optimizer_);
      const Averaged averaged(surroundings_.average());
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
    if (loss_count_ > 0 && !diverged_) surroundings_.result(losses_ / static_cast<double>(loss_count_));
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
  Surroundings surroundings_;
  std::optional<Instruments> instruments_{};
  Array before_{};
  using Clock = std::chrono::steady_clock;
  Clock::time_point saved_ = Clock::now();
  Clock::duration save_took_{};
  std::int64_t evaluations_ = 0, steps_ = 0, idle_ = 0, loss_count_ = 0, resumed_ = 0;
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
  // A new meaning of a setting is a new version; files of runs that do not have it stay good.
  const bool scheduled = optimizer.find("schedule") || optimizer.find("warmup");
  const std::string all = (scheduled ? "joist lab 2 " : "joist lab 1 ") + text();
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

Outcome run_job(const Job& job, const std::string& snapshot) { return Run(job)(snapshot); }

void check_optimizer(const Choice& optimizer) {
  Choice own = optimizer;
  std::vector<std::string> names;
  std::string listed;
  for (const TrainingSetting& one : training_settings()) {
    names.push_back(one.name);
    listed += (listed.empty() ? "" : ", ") + one.name;
  }
  around_of(own);
  // Two rows and columns: Muon and others want a matrix.
  const std::vector<Field> fields{{"weight", Parameter(Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2})), true}};
  FlatParameters parameters(fields, together);
  try {
    static_cast<void>(make_optimizer(own.name, parameters, own.settings));
  } catch (const UsageError& error) {
    Fault fault = error.fault();
    if (fault.what.starts_with("no option")) fault.expected += "; or, with every optimizer, " + listed;
    for (const OptimizerOption& one : own.settings)  // a slip in one of the settings around the step
      if (fault.remedy.empty() && fault.what.find("\"" + printable(one.name) + "\"") != std::string::npos)
        if (const std::string near = nearest_name(one.name, names); !near.empty())
          fault.remedy = "did you mean \"" + near + "\"?";
    throw UsageError(std::move(fault));
  }
}

}  // namespace joist::lab
