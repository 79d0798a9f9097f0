// Questions that runs of optimizers answer: is one better than the other, and when.
#include <joist/optim/lab/statistics.h>
#include <joist/tools/lab/experiments.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace joist::lab {
namespace {

std::vector<Choice> choices(const std::vector<std::string>& texts) {
  std::vector<Choice> result;
  for (const std::string& text : texts) result.push_back(parse_choice(text, "experiment"));
  return result;
}

// All comparisons of a question together.
void correct_all(std::initializer_list<std::vector<Comparison>*> lists) {
  std::vector<Comparison*> all;
  for (std::vector<Comparison>* list : lists)
    for (Comparison& one : *list) all.push_back(&one);
  correct(all, static_cast<std::int64_t>(all.size()));
}

Answer adam(const AskOptions& options) {
  Answer answer;
  const ExperimentJson results = run_part(
      {.title = "Adam beside gradient descent",
       .problems =
           choices({"ravine,label=ravine", "rosenbrock,label=rosenbrock",
                    "quadratic_deep,label=quadratic of 100 dimensions", "mlp,data=blobs,width=32,label=small network",
                    "char-rnn,width=32,length=24,label=recurrent network on text"}),
       .optimizers = choices({"sgd,label=gradient descent", "sgd,momentum=0.9,label=momentum", "adam,label=Adam"}),
       .seeds = 6,
       .budget = 300,
       .tune = 9},
      options, answer);
  if (answer.signal != 0) return answer;
  std::vector<Comparison> plain, heavy;
  for (const ExperimentJson& problem : results["problems"]) {
    const std::vector<double> a = finals_of(optimizer_of(problem, "Adam"));
    plain.push_back(compare_pairs(a, finals_of(optimizer_of(problem, "gradient descent"))));
    heavy.push_back(compare_pairs(a, finals_of(optimizer_of(problem, "momentum"))));
  }
  correct_all({&plain, &heavy});
  int better = 0, worse = 0, none = 0, momentum_none = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    better += plain[i].verdict == Comparison::Verdict::lower;
    worse += plain[i].verdict == Comparison::Verdict::higher;
    none += plain[i].verdict == Comparison::Verdict::none;
    momentum_none += heavy[i].verdict != Comparison::Verdict::lower;
    answer.sentences.push_back(results["problems"][i]["label"].get<std::string>() + ": " +
                               words(plain[i], "Adam", "gradient descent") + "; " +
                               words(heavy[i], "Adam", "momentum") + ".");
  }
  const std::string headline =
      plain.front().verdict == Comparison::Verdict::too_few
          ? fmt::format("Each with its own best learning rate of nine. {} seeds are too few to tell them apart.",
                        results["seeds"].get<std::int64_t>())
          : fmt::format(
                "Each with its own best learning rate of nine: Adam ends lower than plain gradient descent on "
                "{} of {} problems, higher on {}, and no difference is detectable on {}. Against momentum it is "
                "not lower on {}.",
                better, plain.size(), worse, none, momentum_none);
  answer.sentences.insert(answer.sentences.begin(), headline);
  return answer;
}

Answer batch(const AskOptions& options) {
  Answer answer;
  ExperimentJson plot = figure("Test loss by samples seen", "samples", "test loss", true, true);
  std::vector<double> ends[2];
  const std::int64_t samples = 2000, epochs = 30;
  for (const auto& [size, name] : {std::pair(samples, "full batch"), std::pair(std::int64_t{32}, "batches of 32")}) {
    const std::string batch_text = size == samples ? "0" : std::to_string(size);
    const ExperimentJson results =
        run_part({.title = "Mini-batch beside full batch",
                  .problems = choices({fmt::format("mlp,data=blobs,width=32,batch={},label={}", batch_text, name)}),
                  .optimizers = choices({"sgd,momentum=0.9,label=momentum"}),
                  .budget = epochs * samples / size,
                  .tune = 7,
                  .points = 30},
                 options, answer);
    if (answer.signal != 0) return answer;
    const ExperimentJson& one = results["problems"][0]["optimizers"][0];
    ends[size == samples ? 0 : 1] = finals_of(one);
    std::vector<std::pair<double, double>> points;
    const ExperimentJson& run = one["runs"][0];
    for (std::size_t i = 1; i < run["evaluations"].size(); ++i)
      if (run["test"][i].is_number())
        points.emplace_back(run["evaluations"][i].get<double>() * static_cast<double>(size), run["test"][i]);
    add_series(plot, name, points);
  }
  answer.figures.push_back(plot);
  const Comparison c = compare_pairs(ends[1], ends[0]);
  answer.sentences.push_back(
      fmt::format("Both saw {} epochs of {} samples, each with its own best rate: {} steps of the "
                  "whole data, {} of 32 samples: {}.",
                  epochs, samples, epochs, epochs * samples / 32,
                  words(c, "training with mini-batches", "training with the full batch")));
  using enum Comparison::Verdict;
  answer.sentences.push_back(
      c.verdict == lower
          ? "A small batch's gradient is noisy, but it costs a fraction: for the same arithmetic there are "
            "many more steps, and while far from a minimum the noise hardly matters."
      : c.verdict == higher
          ? "For the same arithmetic mini-batches take many more steps, but here their noise cost more "
            "than those brought."
          : "For the same arithmetic mini-batches take many more steps, each with a noisy gradient; "
            "which of the two counts for more cannot be told from these runs.");
  return answer;
}

Answer lbfgs(const AskOptions& options) {
  Answer answer;
  const ExperimentJson results = run_part(
      {.title = "L-BFGS",
       .problems = choices({"logistic,data=blobs,samples=1000,batch=0,judged_by=train,label=whole data (smooth)",
                            "logistic,data=blobs,samples=1000,batch=16,label=batches of 16 (noise)"}),
       .optimizers = choices(
           {"lbfgs,line_search_fn=strong_wolfe,label=L-BFGS", "adam,label=Adam", "sgd,momentum=0.9,label=momentum"}),
       .budget = 150,
       .tune = 7,
       .points = 30},
      options, answer);
  if (answer.signal != 0) return answer;
  const ExperimentJson& noisy = results["problems"][1];
  const std::vector<double> own = finals_of(optimizer_of(noisy, "L-BFGS"));
  const std::vector<std::string> others{"Adam", "momentum"};
  std::vector<Comparison> compared;
  for (const std::string& other : others) compared.push_back(compare_pairs(own, finals_of(optimizer_of(noisy, other))));
  correct_all({&compared});
  for (std::size_t i = 0; i < others.size(); ++i)
    answer.sentences.push_back("Batches of 16, test loss: " + words(compared[i], "L-BFGS", others[i]) + ".");
  // How far the training loss, by which this problem is judged, still is from the lowest that anybody reached.
  ExperimentJson plot =
      figure("Training loss above the lowest reached, whole data", "gradients", "difference", false, true);
  const ExperimentJson& smooth = results["problems"][0];
  double lowest = 1e300;
  for (const ExperimentJson& one : smooth["optimizers"])
    for (const ExperimentJson& v : one["runs"][0]["test"])
      if (v.is_number()) lowest = std::min(lowest, v.get<double>());
  for (const ExperimentJson& one : smooth["optimizers"]) {
    const ExperimentJson& values = one["runs"][0]["test"];
    std::vector<std::pair<double, double>> points;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i].is_number())
        points.emplace_back(one["runs"][0]["evaluations"][i].get<double>(),
                            std::max(values[i].get<double>() - lowest, 1e-16));
    const double end = points.empty() ? 0 : points.back().second;
    answer.sentences.push_back(
        end <= 1e-16
            ? fmt::format("Whole data: {} ends at the lowest training loss of all.", one["label"].get<std::string>())
            : fmt::format("Whole data: {} ends {:.1e} above the lowest training loss of all.",
                          one["label"].get<std::string>(), end));
    add_series(plot, one["label"], points);
  }
  answer.figures.push_back(plot);
  const bool fails = std::all_of(compared.begin(), compared.end(),
                                 [](const Comparison& c) { return c.verdict == Comparison::Verdict::higher; });
  answer.sentences.push_back(
      std::string("L-BFGS learns curvature from differences of gradients. Where every gradient is of another batch "
                  "those differences are noise, and its line search trusts a loss that the next batch does not share") +
      (fails ? "." : "; here that harm is not detectable for each of the others."));
  return answer;
}

Answer warmup(const AskOptions& options) {
  Answer answer;
  const std::vector<double> rates{0.003, 0.01, 0.03, 0.1};
  std::vector<Choice> optimizers;
  for (const double rate : rates)
    for (const int steps : {0, 50})
      optimizers.push_back(parse_choice(
          fmt::format("adam,lr={},warmup={},label={} {}", rate, steps, rate, steps ? "warm-up" : "at once"), ""));
  const ExperimentJson results = run_part(
      {.title = "Warm-up",
       .problems = choices({"char-transformer,width=32,layers=2,heads=2,length=24,label=small transformer on text"}),
       .optimizers = optimizers,
       .budget = 200,
       .points = 10},
      options, answer);
  if (answer.signal != 0) return answer;
  ExperimentJson plot = figure("Test loss after 200 steps", "learning rate", "test loss", true, false);
  std::vector<std::pair<double, double>> cold, warm;
  std::vector<Comparison> compared;
  for (const double rate : rates) {
    const std::string name = fmt::format("{}", rate);
    const std::vector<double> a = finals_of(optimizer_of(results["problems"][0], name + " warm-up"));
    const std::vector<double> b = finals_of(optimizer_of(results["problems"][0], name + " at once"));
    warm.emplace_back(rate, median(a));
    cold.emplace_back(rate, median(b));
    compared.push_back(compare_pairs(a, b));
  }
  correct_all({&compared});
  std::size_t helped = 0, harmed = 0;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    helped += compared[i].verdict == Comparison::Verdict::lower;
    harmed += compared[i].verdict == Comparison::Verdict::higher;
    answer.sentences.push_back(
        fmt::format("Rate {}: {}.", rates[i], words(compared[i], "warm-up", "the full rate at once")));
  }
  add_series(plot, "at once", cold, true);
  add_series(plot, "warm-up", warm, true);
  answer.figures.push_back(plot);
  answer.sentences.push_back(fmt::format(
      "Warm-up of 50 of 200 steps ends lower at {} of {} rates and higher at {}{}. Adam's first steps are as long as "
      "the rate "
      "allows whatever the gradient, before anything is known of the slopes: where that harms, warm-up prevents it; "
      "elsewhere it only costs the steps that it takes.",
      helped, rates.size(), harmed, helped == 0 ? ": here the full rate is safe from the first step" : ""));
  return answer;
}

Answer batch_rate(const AskOptions& options) {
  Answer answer;
  ExperimentJson plot = figure("Test loss by rate and batch, first tuning", "learning rate", "test loss", true, true);
  ExperimentJson best_plot = figure("Best rate by batch", "batch", "learning rate", true, true);
  const std::vector<double> sizes{16, 64, 256};
  constexpr std::int64_t repetitions = 5;
  std::vector<std::vector<double>> rates(sizes.size());  // [size][repetition]
  for (std::int64_t repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<std::pair<double, double>> best;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      // Each tuning has weights and batches of its own: one alone would say nothing of chance.
      AskOptions own = options;
      own.seeds = 1;
      own.first_seed += 1000 * repetition;
      const ExperimentJson results = run_part(
          {.title = "Batch size against rate",
           .problems = choices({fmt::format("mlp,data=blobs,width=32,batch={0},label=batches of {0}", sizes[i])}),
           .optimizers = choices({"sgd,label=gradient descent"}),
           .budget = static_cast<std::int64_t>(8 * 2000 / sizes[i]),
           .tune = 13,
           .tune_low = 1e-3,
           .tune_high = 10,
           .points = 10},
          own, answer);
      if (answer.signal != 0) return answer;
      if (repetition > 0) answer.results.pop_back();
      const ExperimentJson& tuning = results["problems"][0]["optimizers"][0]["tuning"];
      if (!tuning["rate"].is_number()) continue;
      rates[i].push_back(tuning["rate"]);
      best.emplace_back(sizes[i], tuning["rate"]);
      std::vector<std::pair<double, double>> points;
      for (const ExperimentJson& trial : tuning["trials"])
        if (trial[1].is_number()) points.emplace_back(trial[0], trial[1]);
      std::sort(points.begin(), points.end());
      if (repetition == 0) add_series(plot, fmt::format("batches of {}", sizes[i]), points, true);
    }
    add_series(best_plot, fmt::format("tuning {}", repetition + 1), best, true);
  }
  answer.figures = {plot, best_plot};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    answer.sentences.push_back(
        fmt::format("Batches of {}: the best of 13 rates is {} in {} tunings with seeds of their own.", sizes[i],
                    fmt::join(rates[i], ", "), rates[i].size()));
  std::vector<double> slopes;
  for (std::size_t k = 0; k < std::min(rates.front().size(), rates.back().size()); ++k)
    slopes.push_back(std::log(rates.back()[k] / rates.front()[k]) / std::log(sizes.back() / sizes.front()));
  if (slopes.size() < 2) return answer;
  const Interval interval = t_interval(slopes);
  const auto holds = [&](double slope) { return interval.low <= slope && slope <= interval.high; };
  answer.sentences.push_back(
      fmt::format("From batches of {} to {} the best rate changes like batch^{:.2f} (95 % interval {:.2f} … {:.2f}). "
                  "{}. Both rules "
                  "end where the rate meets the curvature.",
                  sizes.front(), sizes.back(), mean(slopes), interval.low, interval.high,
                  holds(1) && holds(0.5) ? "The linear rule (1) and the square-root rule (0.5) both fit"
                  : holds(1)             ? "The linear rule (1) fits, the square-root rule (0.5) does not"
                  : holds(0.5)           ? "The square-root rule (0.5) fits, the linear rule (1) does not"
                                         : "Neither the linear rule (1) nor the square-root rule (0.5) fits"));
  return answer;
}

}  // namespace

std::vector<Experiment> experiments_of_runs() {
  return {{{"adam", "Does Adam beat gradient descent, and when not?"}, adam},
          {{"batch", "Mini-batches or the full batch?"}, batch},
          {{"lbfgs", "When is L-BFGS the right method, and when does it fail?"}, lbfgs},
          {{"warmup", "What does warm-up do?"}, warmup},
          {{"batch-rate", "If the batch grows, must the learning rate?"}, batch_rate}};
}

}  // namespace joist::lab
