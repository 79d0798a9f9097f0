#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/data/files.h>
#include <joist/tools/training/runs.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

namespace joist {
namespace fs = std::filesystem;
namespace {

std::string text_of(const fs::path& file) {
  constexpr std::int64_t most = 256 << 20;
  const std::vector<std::byte> bytes = read_file(file, most);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_run(const fs::path& folder) {
  std::error_code none;
  return fs::is_regular_file(folder / "log.csv", none) && fs::is_regular_file(folder / "config.toml", none);
}

// config.toml has one option a line.
std::vector<std::pair<std::string, std::string>> options_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> options;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t sign = line.find(" = ");
    if (line.starts_with("#") || sign == std::string::npos) continue;
    options.emplace_back(line.substr(0, sign), line.substr(sign + 3));
  }
  return options;
}

nlohmann::json json_in(const fs::path& file) {
  auto json = nlohmann::json::parse(text_of(file), nullptr, false);
  if (!json.is_object()) throw DataError({.where = utf8(file), .what = "not JSON, or no object"});
  return json;
}

RunSummary read_run(const fs::path& folder, const std::string& name) {
  RunSummary run{.name = name, .folder = folder};
  run.options = options_of(text_of(folder / "config.toml"));
  run.log_csv = text_of(folder / "log.csv");
  if (fs::exists(folder / "metrics.json")) {
    const nlohmann::json json = json_in(folder / "metrics.json");
    for (const auto& [key, value] : json.items())
      if (value.is_number()) run.metrics.emplace_back(key, value.get<double>());
  }
  if (fs::exists(folder / "evaluation.json")) {
    const nlohmann::json json = json_in(folder / "evaluation.json");
    const auto range = json.value(nlohmann::json::json_pointer("/intervals/AP"), nlohmann::json());
    if (range.is_array() && range.size() == 2 && range[0].is_number() && range[1].is_number())
      run.AP_range.emplace(range[0].get<double>(), range[1].get<double>());
  }
  run.is_finished = fs::exists(folder / "report.html");
  return run;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result(1);
  for (const char c : line)
    if (c == ',')
      result.emplace_back();
    else if (c != '\r')
      result.back() += c;
  return result;
}

}  // namespace

std::string RunSummary::option(const std::string& wanted) const {
  for (const auto& [key, value] : options) {
    if (key != wanted) continue;
    const bool quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  return "";
}

std::optional<double> RunSummary::metric(const std::string& wanted) const {
  for (const auto& [key, value] : metrics)
    if (key == wanted) return value;
  return std::nullopt;
}

std::vector<std::optional<double>> RunSummary::column(const std::string& wanted) const {
  std::istringstream lines(log_csv);
  std::string line;
  if (!std::getline(lines, line)) return {};
  const std::vector<std::string> head = cells(line);
  const auto found = std::find(head.begin(), head.end(), wanted);
  if (found == head.end()) return {};
  const auto column = static_cast<std::size_t>(found - head.begin());
  std::vector<std::optional<double>> values;
  while (std::getline(lines, line)) {
    if (line.empty()) continue;
    const std::vector<std::string> row = cells(line);
    values.emplace_back();
    if (column >= row.size()) continue;
    double value = 0;
    const char* const end = row[column].data() + row[column].size();
    if (std::from_chars(row[column].data(), end, value).ptr == end && !row[column].empty()) values.back() = value;
  }
  return values;
}

std::vector<RunSummary> find_runs(const std::vector<std::string>& places) {
  std::vector<RunSummary> runs;
  std::set<fs::path> seen;
  const auto add = [&](const fs::path& folder, const std::string& name) {
    if (seen.insert(fs::weakly_canonical(folder)).second) runs.push_back(read_run(folder, name));
  };
  for (const std::string& place : places) {
    if (!fs::is_directory(place))
      throw DataError({.where = place, .what = "no such folder", .expected = "a run's folder, or one with runs in it"});
    if (is_run(place)) {
      add(place, place);
      continue;
    }
    std::vector<fs::path> found;
    constexpr int deepest = 6;
    auto walk = fs::recursive_directory_iterator(place, fs::directory_options::skip_permission_denied);
    for (; walk != fs::recursive_directory_iterator(); ++walk) {
      if (walk.depth() >= deepest) walk.disable_recursion_pending();
      if (walk->is_directory() && is_run(walk->path())) found.push_back(walk->path());
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& folder : found) add(folder, utf8(folder.lexically_relative(place)));
    if (found.empty())
      throw DataError({.where = place,
                       .what = "no runs here",
                       .expected = "folders that joist train --out wrote, with config.toml and log.csv"});
  }
  return runs;
}

std::string deciding_metric(const std::vector<RunSummary>& runs) {
  for (const char* name : {"AP", "top1"})
    if (std::any_of(runs.begin(), runs.end(), [&](const RunSummary& run) { return run.metric(name).has_value(); }))
      return name;
  return "";
}

std::vector<std::string> differing_options(const std::vector<RunSummary>& runs) {
  static const std::set<std::string> no_choice{"out",        "plan",        "evaluated", "resume", "loader-threads",
                                               "save-every", "cache-folder"};
  std::vector<std::string> names;
  for (const RunSummary& run : runs)
    for (const auto& [name, value] : run.options)
      if (!no_choice.contains(name) && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  std::erase_if(names, [&](const std::string& name) {
    return std::all_of(runs.begin(), runs.end(),
                       [&](const RunSummary& run) { return run.option(name) == runs.front().option(name); });
  });
  return names;
}

std::string to_json(const std::vector<RunSummary>& runs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const RunSummary& run : runs) {
    nlohmann::ordered_json one{{"name", run.name}, {"folder", utf8(run.folder)}, {"finished", run.is_finished}};
    one["options"] = nlohmann::ordered_json::object();
    for (const auto& [name, value] : run.options) one["options"][name] = run.option(name);
    one["metrics"] = nlohmann::ordered_json::object();
    for (const auto& [name, value] : run.metrics) one["metrics"][name] = value;
    if (run.AP_range) one["AP_range"] = {run.AP_range->first, run.AP_range->second};
    list.push_back(std::move(one));
  }
  return list.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace joist
