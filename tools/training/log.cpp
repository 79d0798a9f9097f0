#include <joist/core/error.h>
#include <joist/tools/training/log.h>

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace joist {
namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

}  // namespace

TrainingLog TrainingLog::from_csv(const std::string& text) {
  std::istringstream lines(text);
  TrainingLog log;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> cells = cells_of(line);
    if (log.columns_.empty()) {
      log.columns_ = std::move(cells);
    } else if (cells.size() == log.columns_.size()) {
      log.rows_.push_back(std::move(cells));
    } else {
      throw DataError({.where = "training log",
                       .what = fmt::format("a row of {} cells", cells.size()),
                       .expected = fmt::format("{}", log.columns_.size())});
    }
  }
  return log;
}

void TrainingLog::add(const std::vector<std::optional<double>>& values) {
  if (values.size() != columns_.size())
    throw InternalError({.where = "training log",
                         .what = fmt::format("{} values", values.size()),
                         .expected = fmt::format("{}", columns_.size())});
  std::vector<std::string>& row = rows_.emplace_back();
  for (const std::optional<double>& value : values) row.push_back(value ? fmt::format("{:.9g}", *value) : "");
}

std::optional<double> TrainingLog::at(std::size_t row, const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end() || row >= rows_.size()) return std::nullopt;
  const std::string& cell = rows_[row][static_cast<std::size_t>(found - columns_.begin())];
  if (cell.empty()) return std::nullopt;
  return std::stod(cell);
}

std::string TrainingLog::csv() const {
  std::string text = fmt::format("{}\n", fmt::join(columns_, ","));
  for (const auto& row : rows_) text += fmt::format("{}\n", fmt::join(row, ","));
  return text;
}

}  // namespace joist
