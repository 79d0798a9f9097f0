#include <joist/core/error.h>
#include <joist/data/classified.h>
#include <joist/data/files.h>
#include <joist/data/formats/csv_rows.h>
#include <joist/data/text.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <system_error>

namespace joist {
namespace fs = std::filesystem;
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

struct Columns {
  std::size_t name = none, label = none, split = none;
  bool has_boxes = false;
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
};

Columns columns_of(const CsvRow& head) {
  static const std::set<std::string> names{"filename", "file_name",  "file",     "image",  "image_id",
                                           "imageid",  "path",       "filepath", "img",    "id",
                                           "picture",  "image_name", "图片",     "文件名", "image_path"};
  static const std::set<std::string> labels{"label",     "class", "category", "target", "class_name",
                                            "classname", "breed", "类别",     "标签"};
  static const std::set<std::string> splits{"split", "set", "subset"};
  static const std::set<std::string> boxes{"xmin", "x1", "ymin", "x_min", "bbox", "width", "x", "boxes", "labelname"};
  Columns columns;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const std::string name = lower(trimmed(head.fields[i]));
    if (names.contains(name) && columns.name == Columns::none) columns.name = i;
    if (labels.contains(name) && columns.label == Columns::none) columns.label = i;
    if (splits.contains(name)) columns.split = i;
    if (boxes.contains(name)) columns.has_boxes = true;
  }
  return columns;
}

/// Where pictures of a list lie; places that had one before are tried first.
class Finder {
 public:
  explicit Finder(const fs::path& list) {
    const fs::path folder = list.parent_path();
    folders_.push_back(folder);
    for (const char* name : {"images", "train", "val", "valid", "test"}) folders_.push_back(folder / name);
    folders_.push_back(folder / list.stem());
  }

  std::optional<std::string> find(const std::string& name) {
    for (std::size_t i = 0; i < folders_.size(); ++i)
      for (std::size_t k = 0; k < endings_.size(); ++k) {
        const fs::path path = folders_[i] / (name + endings_[k]);
        std::error_code none;
        if (!fs::is_regular_file(path, none)) continue;
        std::swap(folders_[0], folders_[i]);
        std::swap(endings_[0], endings_[k]);
        return path.string();
      }
    return std::nullopt;
  }

 private:
  std::vector<fs::path> folders_{};
  std::vector<std::string> endings_{"", ".jpg", ".jpeg", ".png", ".webp"};
};

bool wants(const std::string& part, const std::string& split) {
  if (part.empty() || split.empty()) return true;
  const bool training = lower(split).starts_with("train");
  return (part == "train") == training;
}

// 2 before 10; words by their letters.
bool before(const std::string& a, const std::string& b) {
  std::int64_t x = 0, y = 0;
  const auto number = [](const std::string& text, std::int64_t& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + text.size() &&
           !text.empty();
  };
  const bool first = number(a, x), second = number(b, y);
  if (first && second && x != y) return x < y;
  return first != second ? first : a < b;
}

}  // namespace

bool is_classification_csv(const std::string& path) {
  std::error_code none;
  if (lower(fs::path(path).extension().string()) != ".csv" || !fs::is_regular_file(path, none)) return false;
  try {
    std::string head = to_utf8(read_head(path, 1 << 16), path);
    head.resize(std::min(head.find_first_of("\r\n"), head.size()));
    const auto row = CsvRows(head, path).next();
    if (!row) return false;
    const Columns columns = columns_of(*row);
    return columns.name != Columns::none && columns.label != Columns::none && !columns.has_boxes;
  } catch (const Error&) {
    return false;
  }
}

ClassifiedList read_classification_csv(const std::string& path, const std::string& part,
                                       const std::vector<std::string>& classes) {
  const std::string text = read_text(path);
  CsvRows rows(text, path);
  const auto head = rows.next();
  const Columns columns = head ? columns_of(*head) : Columns{};
  if (columns.name == Columns::none || columns.label == Columns::none)
    throw DataError({.where = path,
                     .what = "no columns for pictures and their classes",
                     .expected = "a first line such as filename,label"});
  struct Row {
    std::int64_t line;
    std::string file, label;
  };
  std::vector<Row> kept;
  std::set<std::string, decltype(&before)> seen(&before);
  Finder finder(path);
  while (const auto row = rows.next()) {
    const std::string where = DataError::at(path, row->line);
    if (row->fields.size() <= std::max(columns.name, columns.label))
      throw DataError({.where = where,
                       .what = std::to_string(row->fields.size()) + " fields",
                       .expected = "as many as in the first line"});
    const std::string split =
        columns.split < row->fields.size() ? std::string(trimmed(row->fields[columns.split])) : "";
    if (!wants(part, split)) continue;
    const std::string name(trimmed(row->fields[columns.name])), label(trimmed(row->fields[columns.label]));
    if (name.empty() || label.empty()) throw DataError({.where = where, .what = "no name or no class"});
    if (!classes.empty() && std::find(classes.begin(), classes.end(), label) == classes.end()) {
      std::string all;
      for (const std::string& one : classes) all += (all.empty() ? "" : ", ") + one;
      throw DataError({.where = where, .what = "class \"" + label + "\" is not in the list", .expected = all});
    }
    const auto file = finder.find(name);
    if (!file)
      throw DataError({.where = where,
                       .what = "picture missing: " + name,
                       .expected = "a file beside the list, or in a folder images, train, val or test"});
    seen.insert(label);
    kept.push_back({row->line, *file, label});
  }
  if (kept.empty()) throw DataError({.where = path, .what = "empty data set", .expected = "at least one picture"});
  ClassifiedList list{.classes = classes};
  if (classes.empty()) list.classes.assign(seen.begin(), seen.end());
  std::map<std::string, std::int64_t> numbers;
  for (const std::string& name : list.classes) numbers.emplace(name, static_cast<std::int64_t>(numbers.size()));
  for (Row& row : kept) {
    list.paths.push_back(std::move(row.file));
    list.labels.push_back(numbers.at(row.label));
  }
  return list;
}

bool has_parts(const std::string& csv) {
  const std::string text = read_text(csv);
  CsvRows rows(text, csv);
  const auto head = rows.next();
  const std::size_t column = head ? columns_of(*head).split : Columns::none;
  if (column == Columns::none) return false;
  bool training = false, others = false;
  while (const auto row = rows.next()) {
    if (column >= row->fields.size()) continue;
    (wants("train", std::string(trimmed(row->fields[column]))) ? training : others) = true;
  }
  return training && others;
}

}  // namespace joist
