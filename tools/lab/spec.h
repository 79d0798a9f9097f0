// What `joist lab run` can be told.
#pragma once

#include <joist/tools/lab/choice.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist::lab {

struct Spec {
  std::string title = "Optimizers compared";
  std::vector<Choice> problems{}, optimizers{};
  std::int64_t seeds = 5;
  std::int64_t first_seed = 1;
  std::int64_t budget = 0;             ///< gradients per run; 0: by the problem
  std::int64_t tune = 0;               ///< learning rates tried per optimizer and problem; 0: none
  std::int64_t tune_budget = 0;        ///< gradients per trial; 0: as budget
  bool tune_seconds = false;           ///< also run with the rates that are found within equal seconds
  double tune_low = 0, tune_high = 0;  ///< range of rates; 0: a thousandth to a thousand times the default
  std::int64_t points = 20;
  std::int64_t instruments = 0;
  double target = 0;  ///< of the measured value
  bool has_target = false;
  bool landscape = false;      ///< the loss around the end of each optimizer's first run
  bool tensorboard = false;    ///< also write event files
  std::int64_t threads = 1;    ///< of each process
  std::int64_t processes = 0;  ///< 0: cores / threads
};

struct SpecInfo {
  const char* name;
  const char* value;
  const char* help;
  OptionRange range;
};

/// Calls visit(SpecInfo, member) for every setting that is a number, a text or a flag.
template <class S, class Visit>
void visit_spec(S& s, Visit&& visit) {
  const OptionRange count{.low = 0, .high = 1e12, .with_high = true};
  visit(SpecInfo{"title", "TEXT", "heading of the report", {}}, s.title);
  visit(SpecInfo{"seeds", "N", "runs of each optimizer, each with a seed of its own", {.low = 1, .high = 100000}},
        s.seeds);
  visit(SpecInfo{"first-seed", "N", "the seeds are N, N + 1, …; others show what was luck", {.low = 1, .high = 1e9}},
        s.first_seed);
  visit(
      SpecInfo{"budget", "N", "gradients per run; 0: 300 for surfaces, 3 epochs (at least 300) for the others", count},
      s.budget);
  visit(SpecInfo{"tune",
                 "N",
                 "learning rates tried per optimizer and problem, 0: none; one whose lr is given is not "
                 "tuned",
                 {.low = 0, .high = 1000}},
        s.tune);
  visit(SpecInfo{"tune-budget", "N", "gradients per trial; 0: as budget", count}, s.tune_budget);
  visit(SpecInfo{"tune-seconds",
                 "",
                 "also run with the rates that tuning finds where all have as many seconds as the quickest",
                 {}},
        s.tune_seconds);
  visit(SpecInfo{"tune-low", "R", "lowest rate tried; 0: a thousandth of the optimizer's default", not_negative},
        s.tune_low);
  visit(SpecInfo{"tune-high", "R", "highest rate tried; 0: a thousand times the default", not_negative}, s.tune_high);
  visit(SpecInfo{"points",
                 "N",
                 "points of each curve; problems of two numbers have one per step up to 400",
                 {.low = 1, .high = 100000}},
        s.points);
  visit(SpecInfo{"instruments",
                 "N",
                 "points at which curvature, noise and layers of the first seed's runs are measured",
                 {.low = 0, .high = 1000}},
        s.instruments);
  visit(SpecInfo{"target",
                 "VALUE",
                 "value that the time to it is measured of; without: nine tenths of the way that the "
                 "best one goes",
                 {}},
        s.target);
  visit(SpecInfo{"landscape", "", "draw the loss around the end of each optimizer's first run", {}}, s.landscape);
  visit(SpecInfo{"tensorboard", "", "also write TensorBoard event files to DIR/tensorboard", {}}, s.tensorboard);
  visit(
      SpecInfo{
          "threads", "N", "threads of each process; another number may change last digits", {.low = 1, .high = 1024}},
      s.threads);
  visit(SpecInfo{"processes",
                 "N",
                 "runs at the same time; 0: cores / threads. The result does not depend on it",
                 {.low = 0, .high = 1024}},
        s.processes);
}

/// Sets what a TOML file says: the settings above, [[problem]] and [[optimizer]] tables with `name`, `label` and the
/// settings of each. Throws UsageError naming file and line.
void read_spec(Spec& spec, const std::string& text, const std::string& name);
std::string to_toml(const Spec& spec);

/// Fills in what is left open, and throws for whatever is wrong with problems and optimizers, before any run.
void complete(Spec& spec);
/// Whether the rate is tuned: not where it is given, and not for methods that search along their direction.
bool is_tuned(const Spec& spec, const Choice& optimizer);
bool is_surface(const Choice& problem);
std::int64_t budget_of(const Spec& spec, const Choice& problem);

}  // namespace joist::lab
