// Folders that training runs left behind, read for a comparison.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// One run, as its files tell it.
struct RunSummary {
  std::string name{};  ///< the folder, as seen from where was looked
  std::filesystem::path folder{};
  std::vector<std::pair<std::string, std::string>> options{};  ///< of config.toml, values as they stand there
  std::vector<std::pair<std::string, double>> metrics{};       ///< the numbers of metrics.json
  std::optional<std::pair<double, double>> AP_range{};         ///< of evaluation.json
  std::string log_csv{};
  bool is_finished = false;  ///< has its report

  /// Text values without their quotes; "" where there is none.
  std::string option(const std::string& name) const;
  std::optional<double> metric(const std::string& name) const;
  /// Of the log: a value per row, nothing where a row has none; empty where there is no such column.
  std::vector<std::optional<double>> column(const std::string& name) const;
};

/// The runs at these places: a run's folder itself, or all below a folder, sorted by name. Throws DataError where there
/// is none, or where a file of a run cannot be read as what it is.
std::vector<RunSummary> find_runs(const std::vector<std::string>& places);

/// "AP" for detectors, "top1" for classifiers: the number that decides; "" where no run was evaluated.
std::string deciding_metric(const std::vector<RunSummary>& runs);

/// Options that are not the same in all runs; those that only say where things are or how it went are left out.
std::vector<std::string> differing_options(const std::vector<RunSummary>& runs);

/// [{"name", "folder", "finished", "options": {…}, "metrics": {…}, "AP_range"}]
std::string to_json(const std::vector<RunSummary>& runs);

/// A page with a table, the curves of all runs over each other, and what was set differently.
std::string runs_page(const std::vector<RunSummary>& runs);

}  // namespace joist
