// The rates of each step: which parts of a model learn how fast, and how that changes over the run.
#pragma once

#include <joist/optim/flat.h>
#include <joist/tools/training/log.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/plan.h>

#include <cstdint>
#include <span>
#include <string>

namespace joist {

/// The usual groups of parameters, each once per factor of --rates: "weight", "weight * 0.1". Throws UsageError for a
/// text that is no list of PATTERN=FACTOR and for a pattern that fits nothing.
Grouping grouping_for(const std::string& rates, std::span<const Field> fields);
/// Of a group of that name: 0.1.
double factor_of(const std::string& group);

/// --schedule with its warm-up at a step (from 0), as a share of --lr.
double scheduled_factor(const TrainOptions& options, std::int64_t step, const Plan& plan);

/// Of --schedule plateau: a tenth for each time that the metric has not become better for some evaluations, down to
/// --final-lr. It follows from the log, so that a resumed run has it too. 1 for other schedules.
double plateau_factor(const TrainOptions& options, const TrainingLog& log, const std::string& metric);

}  // namespace joist
