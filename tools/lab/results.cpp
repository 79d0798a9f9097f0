// results.json and timings.json.
#include <joist/core/gradient.h>
#include <joist/core/ops.h>
#include <joist/optim/lab/statistics.h>
#include <joist/optim/lab/surface.h>
#include <joist/tools/lab/laboratory.h>
#include <joist/tools/lab/problem.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;
constexpr double infinite = std::numeric_limits<double>::infinity();

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double value_of(const Json& json) { return json.is_null() ? infinite : json.get<double>(); }

/// One optimizer's runs on one problem, read.
struct Runs {
  std::vector<Json> results{}, timings{};
  std::vector<double> finals{};
  std::int64_t diverged = 0;
};

Runs read(const std::vector<Outcome>& outcomes) {
  Runs runs;
  for (const Outcome& outcome : outcomes) {
    runs.results.push_back(Json::parse(outcome.result));
    runs.timings.push_back(Json::parse(outcome.timing));
    const bool diverged = runs.results.back().at("diverged");
    runs.diverged += diverged;
    runs.finals.push_back(diverged ? infinite : value_of(runs.results.back().at("test").back()));
  }
  return runs;
}

std::vector<double> finite(const std::vector<double>& x) {
  std::vector<double> result;
  std::copy_if(x.begin(), x.end(), std::back_inserter(result), [](double v) { return std::isfinite(v); });
  return result;
}

Json summary(const std::vector<double>& x) {
  const std::vector<double> usable = finite(x);
  Json json{{"mean", Json()}, {"deviation", Json()}, {"median", number(median(x))}};
  if (usable.empty()) return json;
  json["mean"] = mean(usable);
  json["deviation"] = standard_deviation(usable);
  if (usable.size() >= 2) {
    const Interval interval = bca_interval(usable);
    json["interval"] = {interval.low, interval.high};
  }
  return json;
}

std::size_t best_of(const std::vector<Runs>& all) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < all.size(); ++i)
    if (median(all[i].finals) < median(all[best].finals)) best = i;
  return best;
}

double target_of(const Spec& spec, const std::vector<Runs>& all, std::size_t best) {
  if (spec.has_target) return spec.target;
  const double start = value_of(all[best].results[0].at("test").front()), end = median(all[best].finals);
  return start - 0.9 * (start - end);
}

std::vector<std::optional<double>> costs_of(const Runs& runs, double target, bool in_seconds) {
  std::vector<std::optional<double>> costs;
  for (std::size_t i = 0; i < runs.results.size(); ++i) {
    std::vector<double> at, values;
    const Json& x = in_seconds ? runs.timings[i].at("points") : runs.results[i].at("evaluations");
    for (std::size_t k = 0; k < x.size(); ++k) {
      at.push_back(x[k]);
      values.push_back(value_of(runs.results[i].at("test")[k]));
    }
    costs.push_back(first_at_target(at, values, target));
  }
  return costs;
}

Json time_json(const TimeToTarget& time) {
  return {{"reached", time.reached},
          {"runs", time.runs},
          {"median", time.median ? Json(*time.median) : Json()},
          {"mean_at_least", time.at_least}};
}

Json surface_json(const Choice& problem) {
  for (const Surface& surface : surfaces()) {
    if (surface.name != problem.name) continue;
    constexpr std::int64_t side = 121;
    const NoGradient quiet;
    const auto& d = surface.domain;
    const Tensor x = reshape(linspace(d[0], d[1], side, Dtype::float64), {1, side});
    const Tensor y = reshape(linspace(d[2], d[3], side, Dtype::float64), {side, 1});
    const Tensor flat = zeros({side, side}, Dtype::float64);
    std::vector<double> values = contiguous(surface.value(x + flat, y + flat)).value().to_vector<double>();
    for (double& one : values) one = std::strtod(fmt::format("{:.5e}", one).c_str(), nullptr);  // enough for a picture
    return {
        {"formula", surface.formula}, {"domain", d}, {"side", side}, {"values", values}, {"minima", surface.minima}};
  }
  return {};
}

Json comparison_json(const Comparison& c, const std::string& a, const std::string& b) {
  using enum Comparison::Verdict;
  Json json{{"a", a}, {"b", b}, {"pairs", c.pairs}, {"difference", number(c.difference)}};
  if (c.interval) json["interval"] = {c.interval->low, c.interval->high};
  json["t_test"] = c.t_test;
  json["sign_test"] = c.sign_test;
  json["p"] = c.p();
  json["among"] = c.among;
  json["verdict"] = c.verdict == lower    ? "lower"
                    : c.verdict == higher ? "higher"
                    : c.verdict == none   ? "no detectable difference"
                                          : "too few seeds";
  json["words"] = words(c, a, b);
  return json;
}

// The best one beside each; that it is the best was seen in the same runs, so all pairs count.
std::vector<Comparison> compared_with(std::size_t best, const std::vector<Runs>& all) {
  std::vector<Comparison> compared;
  for (const Runs& one : all) compared.push_back(compare_pairs(all[best].finals, one.finals));
  std::vector<Comparison*> others;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i != best) others.push_back(&compared[i]);
  correct(others, static_cast<std::int64_t>(all.size() * (all.size() - 1) / 2));
  return compared;
}

Json problem_json(const Spec& spec, const Contest& contest, std::vector<std::vector<std::optional<double>>>& costs) {
  const std::unique_ptr<Problem> problem = make_problem(contest.problem, 1);
  std::vector<Runs> all;
  for (const Contestant& one : contest.contestants) all.push_back(read(one.outcomes));
  const std::size_t best = best_of(all);
  const double target = target_of(spec, all, best);
  Json json{{"name", contest.problem.name},   {"label", contest.problem.label},
            {"text", contest.problem.text()}, {"measure", problem->measure()},
            {"budget", contest.budget},       {"lowest", problem->lowest() ? Json(*problem->lowest()) : Json()},
            {"target", number(target)},       {"parameters", all[0].results[0].at("parameters")},
            {"batches", problem->batches()},  {"batch_size", problem->batch_size()}};
  if (problem->score() != "accuracy") json["score"] = problem->score();
  if (const Json surface = surface_json(contest.problem); !surface.is_null()) json["surface"] = surface;
  Json list = Json::array(), comparisons = Json::array();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Contestant& one = contest.contestants[i];
    const std::string& label = spec.optimizers[i].label;
    Json entry{{"label", label}, {"text", one.optimizer.text()}, {"diverged", all[i].diverged}};
    entry["final"] = summary(all[i].finals);
    if (one.tuned) {
      Json trials = Json::array();
      double lowest = infinite, highest = 0;
      for (const Trial& trial : one.trials) {
        trials.push_back({trial.rate, number(trial.result)});
        lowest = std::min(lowest, trial.rate);
        highest = std::max(highest, trial.rate);
      }
      const auto chosen = best_trial(one.trials);
      entry["tuning"] = {{"trials", trials},
                         {"rate", chosen ? Json(chosen->rate) : Json()},
                         {"at_the_edge", chosen && (chosen->rate == lowest || chosen->rate == highest)}};
    }
    const auto reached = costs_of(all[i], target, false);
    const TimeToTarget time = time_to_target(reached, static_cast<double>(contest.budget));
    entry["evaluations_to_target"] = time_json(time);
    costs[i].push_back(time.median);
    entry["runs"] = Json::array();
    for (Json& run : all[i].results) {
      run["seed"] = run.at("job").at("seed");
      run.erase("job");
      entry["runs"].push_back(run);
    }
    list.push_back(std::move(entry));
  }
  const std::vector<Comparison> compared = compared_with(best, all);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i != best)
      comparisons.push_back(comparison_json(compared[i], spec.optimizers[best].label, spec.optimizers[i].label));
  json["best"] = spec.optimizers[best].label;
  json["optimizers"] = list;
  json["comparisons"] = comparisons;
  return json;
}

Json profile_json(const Spec& spec, const std::vector<std::vector<std::optional<double>>>& costs) {
  Json json = Json::array();
  const std::vector<Profile> profiles = performance_profiles(costs);
  for (std::size_t i = 0; i < profiles.size(); ++i)
    json.push_back({{"label", spec.optimizers[i].label},
                    {"score", profiles[i].score()},
                    {"ratios", profiles[i].ratios},
                    {"problems", profiles[i].problems}});
  return json;
}

}  // namespace

std::string results_json(const Spec& spec, const std::vector<Contest>& contests) {
  Json json{{"title", spec.title}, {"version", 1}, {"seeds", spec.seeds}, {"tune", spec.tune}};
  std::vector<std::vector<std::optional<double>>> costs(spec.optimizers.size());
  json["problems"] = Json::array();
  for (const Contest& contest : contests) json["problems"].push_back(problem_json(spec, contest, costs));
  json["profile"] = profile_json(spec, costs);
  Json reading = Json::array();
  for (const Json& problem : json["problems"])
    for (const Json& comparison : problem["comparisons"])
      reading.push_back(problem["label"].get<std::string>() + ": " + comparison["words"].get<std::string>() + ".");
  for (const Json& problem : json["problems"])
    for (const Json& one : problem["optimizers"])
      if (one.contains("tuning") && one["tuning"]["at_the_edge"].get<bool>())
        reading.push_back(problem["label"].get<std::string>() + ": the best rate of " +
                          one["label"].get<std::string>() + " (" + one["tuning"]["rate"].dump() +
                          ") lies at the edge of what was tried; a wider range may find a better one.");
  json["reading"] = reading;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string timings_json(const Spec& spec, const std::vector<Contest>& contests) {
  Json json{{"threads", spec.threads}, {"processes", spec.processes}, {"problems", Json::array()}};
  std::vector<std::vector<std::optional<double>>> costs(spec.optimizers.size());
  for (const Contest& contest : contests) {
    Json entry{{"label", contest.problem.label}, {"optimizers", Json::array()}};
    std::vector<Runs> all;
    const double seconds = equal_seconds(contest);
    for (const Contestant& one : contest.contestants) all.push_back(read(one.outcomes));
    const double target = target_of(spec, all, best_of(all));
    for (std::size_t i = 0; i < all.size(); ++i) {
      Json own{{"label", spec.optimizers[i].label}, {"seconds", Json::array()}, {"points", Json::array()}};
      double budget = 0;
      for (const Json& timing : all[i].timings) {
        own["seconds"].push_back(timing.at("seconds"));
        own["points"].push_back(timing.at("points"));
        budget = std::max(budget, timing.at("seconds").get<double>());
      }
      const auto reached = costs_of(all[i], target, true);
      const TimeToTarget time = time_to_target(reached, budget);
      own["seconds_to_target"] = time_json(time);
      costs[i].push_back(time.median);
      const Contestant& one = contest.contestants[i];
      if (one.tuned && std::isfinite(seconds)) {
        const auto found = best_within(one.trials, seconds);
        Json tuned{{"seconds", seconds},
                   {"rate", found ? Json(found->rate) : Json()},
                   {"result", found ? Json(found->result) : Json()}};
        if (one.by_seconds == one.optimizer)
          tuned["final"] = summary(all[i].finals);
        else if (!one.seconds_outcomes.empty())
          tuned["final"] = summary(read(one.seconds_outcomes).finals);
        own["tuned_within_seconds"] = tuned;
      }
      entry["optimizers"].push_back(std::move(own));
    }
    json["problems"].push_back(std::move(entry));
  }
  json["profile"] = profile_json(spec, costs);
  return json.dump() + "\n";
}

std::string curves_csv(const std::string& results) {
  const auto cell = [](const Json& value) {
    if (!value.is_string()) return value.is_null() ? std::string() : value.dump();
    std::string text = "\"";
    for (const char c : value.get<std::string>()) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    return text + "\"";
  };
  std::string csv = "problem,optimizer,seed,gradients,train,test,accuracy,rate\n";
  const Json json = Json::parse(results);
  for (const Json& problem : json.at("problems"))
    for (const Json& one : problem.at("optimizers"))
      for (const Json& run : one.at("runs"))
        for (std::size_t k = 0; k < run.at("evaluations").size(); ++k) {
          csv += cell(problem.at("label")) + "," + cell(one.at("label")) + "," + cell(run.at("seed"));
          for (const char* key : {"evaluations", "train", "test", "accuracy", "rate"})
            csv += "," + (run.contains(key) ? cell(run[key][k]) : "");
          csv += "\n";
        }
  return csv;
}

}  // namespace joist::lab
