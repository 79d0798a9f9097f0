// report.html of a run.
#pragma once

#include <joist/tools/training/task.h>

#include <string>

namespace joist {

/// Curves, metrics and configuration, with a few pictures of the evaluation data and what the model finds on them. The
/// model should hold the weights to be shown.
std::string run_report(const TrainingState& state, TrainingTask& task);

}  // namespace joist
