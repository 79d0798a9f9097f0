// Questions to which theory has a number: the experiment measures it.
#include <joist/core/gradient.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/optim/lab/statistics.h>
#include <joist/optim/lab/surface.h>
#include <joist/optim/registry.h>
#include <joist/optim/regularize.h>
#include <joist/tools/lab/experiments.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace joist::lab {
namespace {

Choice choice(const std::string& text) { return parse_choice(text, "experiment"); }

// Plain gradient descent from many places at once: every element of a tensor is a start of its own.
Answer restarts(const AskOptions& options) {
  Answer answer;
  const Surface* surface = nullptr;
  for (const Surface& one : surfaces())
    if (one.name == "rastrigin") surface = &one;
  constexpr std::int64_t starts = 10000;
  Random random({.seed = static_cast<std::uint64_t>(options.first_seed), .stream = Stream::init});
  std::vector<double> x(starts), y(starts);
  for (std::size_t i = 0; i < starts; ++i) {
    x[i] = -5.12 + 10.24 * double{random.uniform()};
    y[i] = -5.12 + 10.24 * double{random.uniform()};
  }
  for (int step = 0; step < 200; ++step) {
    const Tensor tx(Array::from(x, {starts}), true), ty(Array::from(y, {starts}), true);
    sum(surface->value(tx, ty)).backward();
    const Array gx = tx.gradient(), gy = ty.gradient();
    for (std::size_t i = 0; i < starts; ++i) {
      x[i] -= 2e-3 * gx.data<double>()[i];
      y[i] -= 2e-3 * gy.data<double>()[i];
    }
  }
  std::int64_t found = 0;
  std::vector<char> hit(starts);
  for (std::size_t i = 0; i < starts; ++i) {
    hit[i] = std::abs(x[i]) < 0.1 && std::abs(y[i]) < 0.1;
    found += hit[i];
  }
  const double p = std::pow(1.005 / 10.24, 2), share = static_cast<double>(found) / starts;
  const double deviation = std::sqrt(p * (1 - p) / starts);
  ExperimentJson plot =
      figure("Finding the global minimum of Rastrigin's function", "restarts", "probability", false, false);
  std::vector<std::pair<double, double>> theory, measured;
  for (std::size_t k = 1; k <= 500; k += k < 20 ? 1 : 20) {
    theory.emplace_back(static_cast<double>(k), 1 - std::pow(1 - p, static_cast<double>(k)));
    std::int64_t groups = 0, good = 0;
    for (std::size_t first = 0; first + k <= starts; first += k, ++groups)
      good += std::any_of(hit.begin() + static_cast<std::ptrdiff_t>(first),
                          hit.begin() + static_cast<std::ptrdiff_t>(first + k), [](char h) { return h != 0; });
    measured.emplace_back(static_cast<double>(k), static_cast<double>(good) / static_cast<double>(groups));
  }
  add_series(plot, "1 - (1 - p)^k", theory);
  add_series(plot, "measured", measured, true);
  answer.figures.push_back(plot);
  answer.sentences = {
      fmt::format(
          "Of {} random starts, {} ({:.2f} %) ended in the global minimum; its basin, |x| < 0.5025 on both axes, "
          "covers {:.2f} % of the square ({} by {:.1f} standard deviations).",
          starts, found, 100 * share, 100 * p,
          std::abs(share - p) < 3 * deviation ? "no more than chance apart," : "apart",
          std::abs(share - p) / deviation),
      fmt::format(
          "With restarts the chance grows as 1 - (1 - p)^k: 95 % need {:.0f}. That works in two dimensions; a basin of "
          "a tenth of the width per axis is 10^-d of the volume in d dimensions.",
          std::ceil(std::log(0.05) / std::log(1 - p)))};
  return answer;
}

// The factor by which the distance shrinks per step, from the later two thirds of the run; across the ravine, or in
// all.
double contraction(const ExperimentJson& optimizer, bool across = false) {
  const ExperimentJson& path = optimizer.at("runs")[0].at("path");
  const auto length = [&](std::size_t i) {
    return across ? std::abs(path[i][1].get<double>()) : std::hypot(path[i][0].get<double>(), path[i][1].get<double>());
  };
  const std::size_t to = path.size() - 1, from = to / 3;
  return std::pow(length(to) / length(from), 1.0 / static_cast<double>(to - from));
}

Answer momentum(const AskOptions& options) {
  Answer answer;
  const double best_rate = 2.0 / 101, heavy = std::pow(9.0 / 11, 2), heavy_rate = std::pow(2.0 / 11, 2);
  Spec spec{.title = "Momentum in a ravine",
            .problems = {choice("ravine,label=ravine (condition number 100)")},
            .optimizers = {choice(fmt::format("sgd,lr={},label=gradient descent", best_rate)),
                           choice(fmt::format("sgd,lr={},momentum={},label=heavy ball", heavy_rate, heavy)),
                           choice("sgd,lr=0.0199,label=just below 2/L"), choice("sgd,lr=0.0201,label=just above 2/L"),
                           choice("sgd,lr=0.01,momentum=0.9,nesterov=true,label=Nesterov 0.9")},
            .seeds = 1,
            .budget = 120};
  const ExperimentJson results = run_part(spec, options, answer);
  if (answer.signal != 0) return answer;
  const ExperimentJson& problem = results["problems"][0];
  const double plain = contraction(optimizer_of(problem, "gradient descent")),
               ball = contraction(optimizer_of(problem, "heavy ball"));
  const double below = contraction(optimizer_of(problem, "just below 2/L"), true),
               above = contraction(optimizer_of(problem, "just above 2/L"), true);
  const auto steps = [](double factor) { return std::log(10.0) / -std::log(factor); };
  answer.sentences = {
      fmt::format("Gradient descent at its best rate 2/(L + μ) shrinks the distance by {:.4f} per step; theory says "
                  "(κ - 1)/(κ + 1) = {:.4f}.",
                  plain, 99.0 / 101),
      fmt::format(
          "The tuned heavy ball shrinks it by {:.4f}; theory says (√κ - 1)/(√κ + 1) = {:.4f} in the long run. A digit "
          "takes {:.0f} steps instead of {:.0f}.",
          ball, 9.0 / 11, steps(ball), steps(plain)),
      fmt::format("At a rate just below 2/L = 0.02 the distance across the ravine changes by {:.4f} per step, just "
                  "above by {:.4f}: {}.",
                  below, above, below < 1 && above > 1 ? "the limit is where theory has it" : "not what theory says"),
      "Across the ravine the gradient changes sign at every step and momentum averages it away; along the floor it "
      "always "
      "points the same way and adds up."};
  return answer;
}

// Weights that fit `a` exactly without a penalty: the penalty's effect can be written down.
Answer penalties(const AskOptions&) {
  Answer answer;
  constexpr std::int64_t n = 41;
  constexpr double strength = 0.5;
  std::vector<double> wanted(n);
  for (std::int64_t i = 0; i < n; ++i) wanted[static_cast<std::size_t>(i)] = -2 + 0.1 * static_cast<double>(i);
  const Tensor target(Array::from(wanted, {n}));
  const auto fitted = [&](const std::string& kind) {
    const std::vector<Field> fields{{"weight", Parameter(Array::from(std::vector<double>(n, 0.3), {n})), true}};
    FlatParameters parameters(fields, together);
    const auto optimizer = make_optimizer("sgd", parameters, {{"lr", "0.1"}, {"clear_gradients", "true"}});
    for (int step = 0; step < 2000; ++step) {
      (0.5 * sum(square(fields[0].tensor - target))).backward();
      parameters.complete_gradients();
      if (kind == "L2") add_l2_gradients(parameters, strength);
      if (kind == "L1") add_l1_gradients(parameters, strength);
      optimizer->step();
      if (kind == "proximal L1") proximal_l1(*optimizer, strength);
    }
    return fields[0].tensor.value().to_vector<double>();
  };
  ExperimentJson plot =
      figure("What a penalty of 0.5 makes of a weight", "weight without penalty", "weight", false, false);
  std::map<std::string, std::vector<double>> results;
  for (const char* kind : {"none", "L2", "L1", "proximal L1"}) {
    results[kind] = fitted(kind);
    std::vector<std::pair<double, double>> points;
    for (std::size_t i = 0; i < n; ++i) points.emplace_back(wanted[i], results[kind][i]);
    add_series(plot, kind, points);
  }
  answer.figures.push_back(plot);
  const auto worst = [&](const char* kind, auto formula) {
    double error = 0;
    for (std::size_t i = 0; i < n; ++i) error = std::max(error, std::abs(results[kind][i] - formula(wanted[i])));
    return error;
  };
  const auto soft = [](double a) { return std::copysign(std::max(std::abs(a) - strength, 0.0), a); };
  const auto zeros = [&](const char* kind) { return std::count(results[kind].begin(), results[kind].end(), 0.0); };
  answer.sentences = {
      fmt::format(
          "L2 shrinks every weight by the same factor, 1/(1 + λ) = {:.4f}: measured to {:.0e}. None becomes 0 that was "
          "not.",
          1 / (1 + strength), worst("L2", [](double a) { return a / (1 + strength); })),
      fmt::format(
          "L1 moves every weight by λ towards 0 and stops there. By proximal steps {} of {} weights are exactly 0 and "
          "the rest fit the formula to {:.0e}.",
          zeros("proximal L1"), n, worst("proximal L1", soft)),
      fmt::format("Adding L1's slope to the gradient instead makes {} of them exactly 0: they tremble around it by up "
                  "to {:.2g} "
                  "(rate times λ is {:.2g}).",
                  zeros("L1"), worst("L1", soft), 0.1 * strength)};
  return answer;
}

Answer edge(const AskOptions& options) {
  Answer answer;
  // Smooth units in double: kinks have no curvature that differences could measure.
  Choice network =
      choice("network,data=spirals,samples=150,batch=0,precision=float64,label=small network on the whole data");
  network.set("layers", "linear 24, tanh, linear 24, tanh, linear 3");
  const ExperimentJson results = run_part({.title = "Edge of stability",
                                           .problems = {network},
                                           .optimizers = {choice("gradient_descent,lr=1,label=gradient descent"),
                                                          choice("gradient_descent,lr=0.5,label=at half the rate")},
                                           .seeds = 1,
                                           .budget = 500,
                                           .points = 25,
                                           .instruments = 25},
                                          options, answer);
  if (answer.signal != 0) return answer;
  for (const ExperimentJson& one : results["problems"][0]["optimizers"]) {
    const ExperimentJson& list = one["runs"][0]["instruments"];
    double first = 0, highest = 0, last = 0, eta = 0;
    std::size_t above = 0;
    for (const ExperimentJson& m : list) {
      const double top = m["top_eigenvalues"][0];
      eta = m["rate"];
      if (&m == &list[0]) first = top;
      highest = std::max(highest, top);
      above += top > 0.9 * 2 / eta;
      last = top;
    }
    answer.sentences.push_back(fmt::format(
        "{} (rate {}): the sharpness begins at {:.2f}, rises to {:.2f} and ends at {:.2f}; 2/η is {:.2f}. At {} of {} "
        "points it is within 10 % of that line or above: {}.",
        one["label"].get<std::string>(), eta, first, highest, last, 2 / eta, above, list.size(),
        highest > 0.9 * 2 / eta ? "training has come to the edge" : "it has not come to the edge in this time"));
  }
  answer.sentences.push_back(
      "On a quadratic, descent diverges where the sharpness exceeds 2/η. A network's sharpness grows while it learns; "
      "where "
      "it meets that line the loss no longer falls at every step, but goes on falling over many (Cohen et al. 2021). "
      "With "
      "cross-entropy the sharpness sinks again once nearly all samples are right.");
  return answer;
}

}  // namespace

std::vector<Experiment> experiments_with_theory() {
  return {{{"restarts", "Do random restarts help against local minima?"}, restarts},
          {{"momentum", "What does momentum do in a ravine?"}, momentum},
          {{"penalties", "What do L1 and L2 do to weights?"}, penalties},
          {{"edge", "What is the edge of stability?"}, edge}};
}

}  // namespace joist::lab
