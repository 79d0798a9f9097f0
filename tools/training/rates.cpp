#include <joist/core/error.h>
#include <joist/layers/freeze.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/schedule.h>
#include <joist/optim/scheduler.h>
#include <joist/tools/training/rates.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace joist {
namespace {

struct PartRate {
  std::string pattern;
  double factor;
};

std::vector<PartRate> part_rates(const std::string& text) {
  std::vector<PartRate> rates;
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    char* end = nullptr;
    const double factor = equals == part.npos ? -1 : std::strtod(part.c_str() + equals + 1, &end);
    if (equals == part.npos || equals + 1 == part.size() || *end != '\0' || !(factor >= 0 && factor <= 1000))
      throw UsageError(
          {.where = "--rates", .what = "\"" + part + "\"", .expected = "PATTERN=FACTOR, such as backbone=0.1"});
    rates.push_back({part.substr(0, equals), factor});
  }
  return rates;
}

bool names_part(const std::string& pattern, const std::string& name) {
  return matches(pattern, name) || matches(pattern + ".**", name);
}

}  // namespace

Grouping grouping_for(const std::string& text, std::span<const Field> fields) {
  const std::vector<PartRate> rates = part_rates(text);
  for (const PartRate& rate : rates)
    if (std::none_of(fields.begin(), fields.end(),
                     [&](const Field& field) { return field.trainable && names_part(rate.pattern, field.name); }))
      throw UsageError({.where = "--rates", .what = "no parameter fits \"" + rate.pattern + "\""});
  if (rates.empty()) return by_kind;
  return [rates](const Field& field) {
    ParameterGroup group = by_kind(field);
    for (const PartRate& rate : rates)
      if (names_part(rate.pattern, field.name)) {
        group.name += fmt::format(" * {}", rate.factor);
        break;
      }
    return group;
  };
}

double factor_of(const std::string& group) {
  const std::size_t star = group.find(" * ");
  return star == group.npos ? 1 : std::stod(group.substr(star + 3));
}

double scheduled_factor(const TrainOptions& options, std::int64_t step, const Plan& plan) {
  // Of a short run the warm-up takes a third. While the total is not known, it is taken to be long.
  const std::int64_t total = plan.total(step);
  const std::int64_t warmup = total > 0 ? std::min(options.warmup, total / 3) : options.warmup;
  return schedule::shape(options.schedule, plan.progress(step), options.final_lr) * schedule::warmed_up(step, warmup);
}

double plateau_factor(const TrainOptions& options, const TrainingLog& log, const std::string& metric) {
  if (options.schedule != "plateau") return 1;
  Plateau plateau({.maximize = true, .patience = 3});
  double factor = 1;
  for (std::size_t row = 0; row < log.rows(); ++row) {
    const auto result = log.at(row, metric);
    // A detector that finds nothing yet has no plateau.
    if (result && *result > 0 && plateau.falls(*result)) factor /= 10;
  }
  return std::max(factor, std::min(options.final_lr, 1.0));
}

}  // namespace joist
