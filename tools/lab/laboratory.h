// `joist lab run`: tunes, runs, compares.
#pragma once

#include <joist/tools/lab/job.h>
#include <joist/tools/lab/spec.h>
#include <joist/tools/lab/tuning.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace joist::lab {

/// One optimizer on one problem.
struct Contestant {
  Choice optimizer{};  ///< as it ran: with the rate that was found
  bool tuned = false;
  std::vector<Trial> trials{};
  std::vector<Job> jobs{};  ///< one per seed
  std::vector<Outcome> outcomes{};
  /// With the rate found within equal_seconds(), and its runs where that is another one and they were wanted.
  std::optional<Choice> by_seconds{};
  std::vector<Outcome> seconds_outcomes{};
};
struct Contest {
  Choice problem{};
  std::int64_t budget = 0;
  std::vector<Contestant> contestants{};  ///< in the order of the optimizers
};

/// What the quickest optimizer's trials took together; infinite where none was tuned. What is tuned by seconds has so
/// long.
double equal_seconds(const Contest& contest);

/// Runs what is not yet in OUT/runs. Returns nothing where a signal came first; what was done is kept. `say` gets a
/// line of text now and then.
struct Finished {
  int signal = 0;
  std::vector<Contest> contests{};
};
Finished run_contests(const Spec& spec, const std::string& out, const std::function<void(const std::string&)>& say);

/// results.json: everything but what a clock measured; timings.json: the rest.
std::string results_json(const Spec& spec, const std::vector<Contest>& contests);
std::string timings_json(const Spec& spec, const std::vector<Contest>& contests);
/// The curves of results.json's text as a table, for pandas or a spreadsheet: a row per point of each run.
std::string curves_csv(const std::string& results);

/// All of `joist lab run`: also OUT/config.toml, curves.csv, report.html and figures; the reading is said. Returns the
/// signal that ended it, or 0.
int run_lab(Spec spec, const std::string& out, const std::function<void(const std::string&)>& say);

}  // namespace joist::lab
