// The table that a run writes: a row per epoch. It travels inside checkpoints, so that a resumed run has all of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace joist {

class TrainingLog {
 public:
  TrainingLog() = default;
  explicit TrainingLog(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  /// The inverse of csv(). Throws DataError.
  static TrainingLog from_csv(const std::string& text);

  const std::vector<std::string>& columns() const noexcept { return columns_; }
  std::size_t rows() const noexcept { return rows_.size(); }
  /// One value per column; nothing where there is none. Numbers are kept with 9 significant digits.
  void add(const std::vector<std::optional<double>>& values);
  /// The value in a row and a column, if there is one.
  std::optional<double> at(std::size_t row, const std::string& column) const;
  /// Header and rows, comma-separated.
  std::string csv() const;

 private:
  std::vector<std::string> columns_{};
  std::vector<std::vector<std::string>> rows_{};
};

}  // namespace joist
