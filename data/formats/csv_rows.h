// Comma-separated values (RFC 4180) as rows of fields. Private to data/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

struct CsvRow {
  std::int64_t line = 0;  ///< where the row begins, from 1; a quoted field may span lines
  std::vector<std::string> fields{};
};

/// Reads rows one after another: quotes, doubled quotes, line ends of every kind; blank lines are passed over.
class CsvRows {
 public:
  /// `text` must outlive the reader. The delimiter is the one of comma, semicolon and tab that is most frequent in the
  /// first line.
  CsvRows(std::string_view text, std::string name);

  /// The next row, empty at the end. Throws DataError with file and line for a quote that is not closed or stands
  /// astray.
  std::optional<CsvRow> next();

 private:
  std::string quoted();

  std::string_view text_;
  std::string name_;
  char delimiter_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace joist
