// report.html of a run.
#pragma once

#include <joist/tools/training/task.h>

#include <string>

namespace joist {

struct RunReport {
  std::string html{};
  std::string evaluation_json{};  ///< evaluation.json; empty where the task has no more to say than metrics.json
};

/// Curves, metrics and configuration, with a few pictures of the evaluation data and what the model finds on them. The
/// model should hold the weights to be shown.
RunReport run_report(const TrainingState& state, TrainingTask& task);

}  // namespace joist
