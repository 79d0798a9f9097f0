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
Choice problem_of(const Choice& problem, std::uint64_t seed) {
  Choice own = problem;
  const auto noise = own.find("noise");
  if (is_surface(problem) && seed > 1 && !own.find("random_start") && (!noise || *noise == "0") && !own.find("x") &&
      !own.find("y"))
    own.set("random_start", "true");
  return own;
}

Job job_of(const Spec& spec, const Contest& contest, const Choice& optimizer, std::uint64_t seed, std::int64_t budget) {
  const bool surface = is_surface(contest.problem);
  return {.problem = problem_of(contest.problem, seed == tuning_seed ? 1 : seed),
          .optimizer = {.name = optimizer.name, .label = {}, .settings = optimizer.settings},
          .seed = seed,
          .budget = budget,
          .points = surface ? std::min<std::int64_t>(budget, 400) : std::min(budget, spec.points),
          .instruments = seed == 1 ? spec.instruments : 0,
          .path = surface && seed != tuning_seed,
          .landscape = spec.landscape && seed == 1 && !surface};
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
            asked.push_back({&one, rate, job_of(spec_, contest, with, tuning_seed, budget)});
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
    return 0;
  }

  int compete(std::vector<Contest>& contests) {
    std::vector<Job> jobs;
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        for (std::int64_t seed = 1; seed <= spec_.seeds; ++seed) {
          one.jobs.push_back(job_of(spec_, contest, one.optimizer, static_cast<std::uint64_t>(seed), contest.budget));
          jobs.push_back(one.jobs.back());
        }
    if (const int signal = run(jobs, "runs")) return signal;
    for (Contest& contest : contests)
      for (Contestant& one : contest.contestants)
        for (const Job& job : one.jobs) one.outcomes.push_back(store_.read(job));
    return 0;
  }

 private:
  const Spec& spec_;
  RunStore store_;
  const std::function<void(const std::string&)>& say_;
};

}  // namespace

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
  store_file(out + "/results.json", results);
  store_file(out + "/timings.json", timings_json(spec, finished.contests));
  write_report(results, out);
  if (spec.tensorboard) write_event_files(results, out + "/tensorboard");
  return 0;
}

}  // namespace joist::lab
