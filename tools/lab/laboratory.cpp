#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/optim/lab/surface.h>
#include <joist/optim/registry.h>
#include <joist/tools/lab/laboratory.h>
#include <joist/tools/lab/report.h>
#include <joist/tools/lab/tensorboard.h>
#include <joist/tools/lab/workers.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t tuning_seed = 1000000007;  // not one of the seeds that are compared

double final_of(const Outcome& outcome) {
  const Json result = Json::parse(outcome.result);
  const Json& last = result.at("test").back();
  return result.at("diverged").get<bool>() || last.is_null() ? std::numeric_limits<double>::infinity()
                                                             : last.get<double>();
}

std::pair<double, double> range_of(const Spec& spec, const Choice& optimizer) {
  double middle = 1e-3;
  for (const OptimizerOptionInfo& option : optimizer_options(optimizer.name))
    if (option.name == "lr") middle = number_of(option.value, optimizer.name, not_negative);
  return {spec.tune_low > 0 ? spec.tune_low : middle * 1e-3, spec.tune_high > 0 ? spec.tune_high : middle * 1e3};
}

// A surface without noise is the same for every seed, so that all but the first start elsewhere.
Choice problem_of(const Choice& problem, bool first) {
  Choice own = problem;
  const auto noise = own.find("noise");
  if (is_surface(problem) && !first && !own.find("random_start") && (!noise || *noise == "0") && !own.find("x") &&
      !own.find("y"))
    own.set("random_start", "true");
  return own;
}

// Run number `index` of an optimizer; tuning is run number -1.
constexpr std::int64_t tuning = -1;
Job job_of(const Spec& spec, const Contest& contest, const Choice& optimizer, std::int64_t index, std::int64_t budget) {
  const bool surface = is_surface(contest.problem), first = index == 0;
  const auto base = static_cast<std::uint64_t>(spec.first_seed);
  return {.problem = problem_of(contest.problem, first || index == tuning),
          .optimizer = {.name = optimizer.name, .label = {}, .settings = optimizer.settings},
          .seed = index == tuning ? base - 1 + tuning_seed : base + static_cast<std::uint64_t>(index),
          .budget = budget,
          .points = surface ? std::min<std::int64_t>(budget, 400) : std::min(budget, spec.points),
          .instruments = first ? spec.instruments : 0,
          .path = surface && index != tuning,
          .landscape = spec.landscape && first && !surface};
}

class Runner {
 public:
  Runner(const Spec& spec, const std::string& out, const std::function<void(const std::string&)>& say)
      : spec_(spec), store_(out + "/runs"), say_(say) {}

  int run(const std::vector<Job>& jobs, const std::string& what) {
    auto last = std::chrono::steady_clock::now() - std::chrono::hours(1);
    return run_jobs(jobs, store_,
                    {.processes = spec_.processes,
                     .threads = spec_.threads,
                     .progress = [&](std::int64_t done, std::int64_t all, const Job& job) {
                       const auto now = std::chrono::steady_clock::now();
                       if (done < all && now - last < std::chrono::seconds(2)) return;
                       last = now;
                       say_(fmt::format("{}: {} of {} ({}, {}, seed {})", what, done, all, job.problem.text(),
                                        job.optimizer.text(), job.seed));
                     }});
  }

  int tune(std::vector<Contest>& contests) {
    for (;;) {
      struct Asked {
        Contestant* contestant;
        double rate;
        Job job;
      };
      std::vector<Asked> asked;
      for (Contest& contest : contests)
        for (Contestant& one : contest.contestants) {
          if (!one.tuned) continue;
          const auto [low, high] = range_of(spec_, one.optimizer);
          for (const double rate : next_rates(one.trials, spec_.tune, low, high)) {
            Choice with = one.optimizer;
            with.set("lr", fmt::format("{}", rate));
            const std::int64_t budget = spec_.tune_budget > 0 ? spec_.tune_budget : contest.budget;
            asked.push_back({&one, rate, job_of(spec_, contest, with, tuning, budget)});
          }
        }
      if (asked.empty()) break;
      std::vector<Job> jobs;
      for (const Asked& one : asked) jobs.push_back(one.job);
      if (const int signal = run(jobs, "tuning")) return signal;
      for (const Asked& one : asked) {
        const Outcome outcome = store_.read(one.job);
        one.contestant->trials.push_back({.rate = one.rate,
                                          .result = final_of(outcome),
                                          .seconds = Json::parse(outcome.timing).value("seconds", 0.0)});
      }
    }
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        if (const auto best = best_trial(one.trials)) one.optimizer.set("lr", fmt::format("{}", best->rate));
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        if (const auto found = one.tuned ? best_within(one.trials, equal_seconds(contest)) : std::nullopt)
          (one.by_seconds = one.optimizer)->set("lr", fmt::format("{}", found->rate));
    return 0;
  }

  int compete(std::vector<Contest>& contests) {
    std::vector<Job> jobs;
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        for (std::int64_t index = 0; index < spec_.seeds; ++index) {
          one.jobs.push_back(job_of(spec_, contest, one.optimizer, index, contest.budget));
          jobs.push_back(one.jobs.back());
        }
    if (const int signal = run(jobs, "runs")) return signal;
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        for (const Job& job : one.jobs) one.outcomes.push_back(store_.read(job));
    return spec_.tune_seconds ? compete_by_seconds(contests) : 0;
  }

 private:
  // Once more for those whose rate within equal seconds is another one: what a clock decided stands in timings.json.
  int compete_by_seconds(std::vector<Contest>& contests) {
    std::vector<Job> jobs;
    std::vector<Contestant*> whose;
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants) {
        if (!one.by_seconds || *one.by_seconds == one.optimizer) continue;
        for (Job job : one.jobs) {
          job.optimizer.settings = one.by_seconds->settings;
          job.instruments = 0;
          job.landscape = false;
          jobs.push_back(std::move(job));
          whose.push_back(&one);
        }
      }
    if (const int signal = run(jobs, "runs with rates by seconds")) return signal;
    for (std::size_t i = 0; i < jobs.size(); ++i) whose[i]->seconds_outcomes.push_back(store_.read(jobs[i]));
    return 0;
  }

  const Spec& spec_;
  RunStore store_;
  const std::function<void(const std::string&)>& say_;
};

}  // namespace

double equal_seconds(const Contest& contest) {
  double least = std::numeric_limits<double>::infinity();
  for (const Contestant& one : contest.contestants) {
    double total = 0;
    for (const Trial& trial : one.trials) total += trial.seconds;
    if (one.tuned) least = std::min(least, total);
  }
  return least;
}

Finished run_contests(const Spec& spec, const std::string& out, const std::function<void(const std::string&)>& say) {
  Finished finished;
  for (const Choice& problem : spec.problems) {
    Contest contest{.problem = problem, .budget = budget_of(spec, problem)};
    for (const Choice& optimizer : spec.optimizers)
      contest.contestants.push_back({.optimizer = optimizer, .tuned = is_tuned(spec, optimizer)});
    finished.contests.push_back(std::move(contest));
  }
  Runner runner(spec, out, say);
  finished.signal = runner.tune(finished.contests);
  if (finished.signal == 0) finished.signal = runner.compete(finished.contests);
  return finished;
}

int run_lab(Spec spec, const std::string& out, const std::function<void(const std::string&)>& say) {
  ensure_folder(out);
  complete(spec);
  store_file(out + "/config.toml", to_toml(spec));
  const Finished finished = run_contests(spec, out, say);
  if (finished.signal != 0) return finished.signal;
  const std::string results = results_json(spec, finished.contests);
  const std::string timings = timings_json(spec, finished.contests);
  store_file(out + "/results.json", results);
  store_file(out + "/timings.json", timings);
  store_file(out + "/curves.csv", curves_csv(results));
  write_report(results, timings, out);
  const Json json = Json::parse(results);
  for (const Json& line : json.at("reading")) say(line.get<std::string>());
  if (spec.tensorboard) write_event_files(results, out + "/tensorboard");
  return 0;
}

}  // namespace joist::lab
