#include <joist/core/error.h>
#include <joist/data/formats/csv_rows.h>
#include <joist/data/text.h>

#include <algorithm>

namespace joist {
namespace {

char most_frequent_delimiter(std::string_view text) {
  const auto line = text.substr(0, text.find_first_of("\r\n"));
  const auto count = [&](char c) { return std::count(line.begin(), line.end(), c); };
  return std::max({',', ';', '\t'}, [&](char a, char b) { return count(a) < count(b); });
}

}  // namespace

CsvRows::CsvRows(std::string_view text, std::string name)
    : text_(text), name_(std::move(name)), delimiter_(most_frequent_delimiter(text)) {}

std::optional<CsvRow> CsvRows::next() {
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\n') {
      ++line_;
    } else if (text_[at_] != '\r') {
      break;
    }
  }
  if (at_ == text_.size()) return std::nullopt;
  CsvRow row{.line = line_, .fields = {}};
  for (;;) {
    if (at_ < text_.size() && text_[at_] == '"') {
      row.fields.push_back(quoted());
    } else {
      const std::size_t end = std::min(text_.find_first_of(std::string{delimiter_, '\r', '\n'}, at_), text_.size());
      row.fields.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
    }
    if (at_ == text_.size() || text_[at_] != delimiter_) return row;
    ++at_;
  }
}

std::string CsvRows::quoted() {
  const std::int64_t first_line = line_;
  std::string field;
  for (++at_; at_ < text_.size(); ++at_) {
    if (text_[at_] == '"') {
      ++at_;
      if (at_ == text_.size() || text_[at_] != '"') {
        if (at_ == text_.size() || text_[at_] == delimiter_ || text_[at_] == '\r' || text_[at_] == '\n') return field;
        throw DataError({.where = DataError::at(name_, line_),
                         .what = "text after the closing quote of \"" + field + "\"",
                         .expected = "a delimiter or the line's end; a quote inside quotes is doubled"});
      }
    }
    if (text_[at_] == '\n') ++line_;
    field += text_[at_];
  }
  throw DataError({.where = DataError::at(name_, first_line),
                   .what = "a quoted field is not closed before the file ends",
                   .remedy = "close the quote, or check whether the file is complete"});
}

}  // namespace joist
