#include <joist/core/error.h>
#include <joist/layers/freeze.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/schedule.h>
#include <joist/optim/scheduler.h>
#include <joist/tools/training/rates.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr const char* times = " * ";
constexpr const char* from_share = " from ";

double number_after(const std::string& name, const char* mark, double otherwise) {
  const std::size_t place = name.find(mark);
  return place == name.npos ? otherwise : std::stod(name.substr(place + std::string_view(mark).size()));
}

bool any_names(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return names_part(pattern, name); });
}

}  // namespace

std::vector<PartNumber> part_numbers(const std::string& text, const char* option, double high, const char* example) {
  std::vector<PartNumber> numbers;
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    char* end = nullptr;
    const double number = equals == part.npos ? -1 : std::strtod(part.c_str() + equals + 1, &end);
    if (equals == part.npos || equals == 0 || equals + 1 == part.size() || *end != '\0' ||
        !(number >= 0 && number <= high))
      throw UsageError({.where = option,
                        .what = "\"" + part + "\"",
                        .expected = fmt::format("{}, with a number from 0 to {}", example, high)});
    numbers.push_back({part.substr(0, equals), number});
  }
  return numbers;
}

const PartNumber* number_of(const std::vector<PartNumber>& numbers, const std::string& name) {
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [&](const PartNumber& number) { return names_part(number.pattern, name); });
  return found == numbers.end() ? nullptr : &*found;
}

Grouping grouping_for(const TrainOptions& options, std::span<const Field> fields,
                      const std::vector<std::string>& anew) {
  const std::vector<PartNumber> rates = part_numbers(options.rates, "--rates", 1000, "PATTERN=FACTOR");
  const std::vector<PartNumber> late = part_numbers(options.unfreeze, "--unfreeze", 1, "PATTERN=SHARE");
  const std::vector<std::string> kept = split_list(options.no_decay);
  for (const PartNumber& rate : rates) parts_named("--rates", fields, rate.pattern);
  for (const PartNumber& part : late) parts_named("--unfreeze", fields, part.pattern);
  for (const std::string& pattern : kept) parts_named("--no-decay", fields, pattern);
  const std::set<std::string> own(anew.begin(), anew.end());
  const bool pulls = options.l2_sp > 0;
  return [=](const Field& field) {
    ParameterGroup group = by_kind(field);
    if (pulls && !own.contains(field.name)) {
      group = {.name = group.name + " to start", .decay = false, .to_start = true};
    } else if (group.decay && any_names(kept, field.name)) {
      group = {.name = group.name + " without decay", .decay = false};
    }
    if (const PartNumber* rate = number_of(rates, field.name)) group.name += fmt::format("{}{}", times, rate->number);
    if (const PartNumber* part = number_of(late, field.name))
      group.name += fmt::format("{}{}", from_share, part->number);
    return group;
  };
}

double factor_of(const std::string& group) { return number_after(group, times, 1); }
double share_of(const std::string& group) { return number_after(group, from_share, 0); }

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
