// The rates of each step: which parts of a model learn how fast, and how that changes over the run.
#pragma once

#include <joist/optim/flat.h>
#include <joist/tools/training/log.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/plan.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// A part of a model, and what an option says of it.
struct PartNumber {
  std::string pattern;
  double number = 0;
};
/// A list "PATTERN=NUMBER,…" with numbers from 0 to `high`. Throws UsageError for another text.
std::vector<PartNumber> part_numbers(const std::string& text, const char* option, double high, const char* example);
/// The first of them that names this parameter, or nullptr.
const PartNumber* number_of(const std::vector<PartNumber>& numbers, const std::string& name);

/// The usual groups of parameters, each once per factor of --rates, share of --unfreeze and way of decay: "weight",
/// "weight * 0.1", "weight without decay", "norm to start * 0.1 from 0.5". `anew`: fields that do not come from --from,
/// which --l2-sp leaves alone. Throws UsageError for a text that is no such list and for a pattern that fits nothing.
Grouping grouping_for(const TrainOptions& options, std::span<const Field> fields,
                      const std::vector<std::string>& anew = {});
/// Of a group of that name: its factor of --rates, 0.1.
double factor_of(const std::string& group);
/// From which share of the run on it learns: 0.5.
double share_of(const std::string& group);

/// --schedule with its warm-up at a step (from 0), as a share of --lr.
double scheduled_factor(const TrainOptions& options, std::int64_t step, const Plan& plan);

/// Of --schedule plateau: a tenth for each time that the metric has not become better for some evaluations, down to
/// --final-lr. It follows from the log, so that a resumed run has it too. 1 for other schedules.
double plateau_factor(const TrainOptions& options, const TrainingLog& log, const std::string& metric);

}  // namespace joist
