// The experiments behind the questions.
#pragma once

#include <joist/tools/lab/experiment.h>
#include <joist/tools/lab/spec.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace joist::lab {

using ExperimentJson = nlohmann::ordered_json;

/// What an experiment found: the sentences that follow from its numbers, and figures beside those of the runs.
struct Answer {
  int signal = 0;
  std::vector<std::string> sentences{};
  ExperimentJson figures = ExperimentJson::array();
  /// Results of joist lab run, shown below.
  std::vector<ExperimentJson> results{};
};

struct Experiment {
  Question question{};
  Answer (*run)(const AskOptions&);
};
std::vector<Experiment> experiments_of_runs();
std::vector<Experiment> experiments_with_theory();

/// Runs a specification in the experiment's folder; an empty object where a signal came.
ExperimentJson run_part(Spec spec, const AskOptions& options, Answer& answer);
ExperimentJson figure(const std::string& title, const std::string& x, const std::string& y, bool log_x, bool log_y);
void add_series(ExperimentJson& figure, const std::string& name, const std::vector<std::pair<double, double>>& points,
                bool dots = false);
/// The optimizer of that label in a problem of results.
const ExperimentJson& optimizer_of(const ExperimentJson& problem, const std::string& label);
/// Last values of its runs, infinite where they diverged.
std::vector<double> finals_of(const ExperimentJson& optimizer);

}  // namespace joist::lab
