// One box per row: filename,width,height,class,xmin,ymin,xmax,ymax as TensorFlow's and Kaggle's tools write it. Corners
// are taken as they stand: width = xmax - xmin. A row with a file name alone is a picture without boxes.
#include <joist/core/error.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/csv_rows.h>
#include <joist/data/formats/format.h>
#include <joist/data/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_map>

namespace joist {
namespace {

namespace fs = std::filesystem;

enum Column { file, width, height, label, xmin, ymin, xmax, ymax, column_count };

struct Names {
  std::array<std::string_view, 4> spellings;  // the usual one first
  bool is_required;
};

constexpr std::array<Names, column_count> columns = {{{{"filename", "file_name", "image_path", "image"}, true},
                                                      {{"width", "", "", ""}, false},
                                                      {{"height", "", "", ""}, false},
                                                      {{"class", "label", "category", "name"}, true},
                                                      {{"xmin", "x_min", "x1", ""}, true},
                                                      {{"ymin", "y_min", "y1", ""}, true},
                                                      {{"xmax", "x_max", "x2", ""}, true},
                                                      {{"ymax", "y_max", "y2", ""}, true}}};
constexpr std::string_view usual_header = "filename,width,height,class,xmin,ymin,xmax,ymax";

using Places = std::array<std::size_t, column_count>;
constexpr std::size_t absent = ~std::size_t{0};

Places find_columns(const CsvRow& header) {
  Places places;
  places.fill(absent);
  for (std::size_t i = 0; i < header.fields.size(); ++i) {
    std::string field(trimmed(header.fields[i]));
    std::transform(field.begin(), field.end(), field.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto& spellings = columns[c].spellings;
      const bool is_it = !field.empty() && std::find(spellings.begin(), spellings.end(), field) != spellings.end();
      if (is_it && places[c] == absent) places[c] = i;
    }
  }
  return places;
}

std::string missing_columns(const Places& places) {
  std::string missing;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c].is_required || places[c] != absent) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(columns[c].spellings[0]);
  }
  return missing;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string text;
  for (const auto& field : fields) text += (text.empty() ? "" : ",") + field;
  constexpr std::size_t shown = 120;
  return text.size() > shown ? text.substr(0, shown) + "…" : text;
}

/// The fields of one row by column.
class Row {
 public:
  Row(const CsvRow& row, const Places& places, std::string where)
      : row_(row), places_(places), where_(std::move(where)) {}

  std::string_view text(Column column) const {
    const std::size_t place = places_[column];
    return place == absent ? std::string_view() : trimmed(row_.fields[place]);
  }

  double number(Column column) const {
    const std::string_view digits = text(column);
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
      fail(column, "a number");
    }
    return value;
  }

  int side(Column column) const {
    if (text(column).empty()) return 0;
    const double value = number(column);
    if (value != std::floor(value) || value < 0 || value > 1e9) fail(column, "a number of pixels");
    return static_cast<int>(value);
  }

  const std::string& where() const { return where_; }

 private:
  [[noreturn]] void fail(Column column, const std::string& expected) const {
    throw DataError({.where = where_,
                     .what = "column " + std::to_string(places_[column] + 1) + " (" +
                             std::string(columns[column].spellings[0]) + ") is \"" + std::string(text(column)) + "\"",
                     .expected = expected});
  }

  const CsvRow& row_;
  const Places& places_;
  std::string where_;
};

bool has_no_box(const Row& row) {
  constexpr std::array box_columns = {label, xmin, ymin, xmax, ymax};
  return std::all_of(box_columns.begin(), box_columns.end(), [&](Column column) { return row.text(column).empty(); });
}

Annotation annotation_of(const Row& row, ClassNames& classes) {
  if (row.text(label).empty()) {
    throw DataError({.where = row.where(), .what = "box without a class", .expected = "a name in the column class"});
  }
  const double left = row.number(xmin);
  const double top = row.number(ymin);
  Annotation annotation{.box = {left, top, row.number(xmax) - left, row.number(ymax) - top},
                        .category = classes.index(row.text(label))};
  annotation.area = annotation.box.area();
  annotation.where = row.where();
  return annotation;
}

Sample& sample_of(const Row& row, std::vector<Sample>& samples, std::unordered_map<std::string, std::size_t>& by_name) {
  const std::string name(row.text(file));
  if (name.empty()) throw DataError({.where = row.where(), .what = "row without a file name"});
  const int row_width = row.side(width);
  const int row_height = row.side(height);
  const auto [place, is_new] = by_name.emplace(name, samples.size());
  if (is_new) {
    samples.push_back(
        {.path = name, .id = static_cast<std::int64_t>(samples.size()) + 1, .width = row_width, .height = row_height});
    samples.back().where = row.where();
  }
  Sample& sample = samples[place->second];
  if (sample.width != row_width || sample.height != row_height) {
    throw DataError({.where = row.where(),
                     .what = name + " is " + std::to_string(row_width) + "×" + std::to_string(row_height) +
                             " here but " + std::to_string(sample.width) + "×" + std::to_string(sample.height) +
                             " in " + sample.where,
                     .expected = "one size for each picture"});
  }
  return sample;
}

bool claims(const fs::path& path) {
  try {
    const std::string text = read_text(path.string());
    const auto header = CsvRows(text, path.string()).next();
    return header && missing_columns(find_columns(*header)).empty();
  } catch (const Error&) {
    return false;
  }
}

Labels read(const std::vector<fs::path>& files) {
  const std::string name = files.front().string();
  const std::string text = read_text(name);
  CsvRows rows(text, name);
  const auto header = rows.next();
  if (!header) throw DataError({.where = name, .what = "the file is empty", .expected = std::string(usual_header)});
  const Places places = find_columns(*header);
  if (const std::string missing = missing_columns(places); !missing.empty()) {
    throw DataError({.where = DataError::at(name, header->line),
                     .what = "the header \"" + joined(header->fields) + "\" lacks " + missing,
                     .expected = std::string(usual_header),
                     .remedy = "name the columns so in the first line"});
  }
  Labels labels;
  ClassNames classes;
  std::unordered_map<std::string, std::size_t> by_name;
  std::int64_t boxes = 0;
  while (const auto fields = rows.next()) {
    const auto is_blank = [](const std::string& field) { return trimmed(field).empty(); };
    if (std::all_of(fields->fields.begin(), fields->fields.end(), is_blank))
      continue;  // spreadsheets leave such rows behind
    const std::string where = DataError::at(name, fields->line);
    if (fields->fields.size() != header->fields.size()) {
      throw DataError({.where = where,
                       .what = std::to_string(fields->fields.size()) + " columns",
                       .expected = std::to_string(header->fields.size()) + ", as in the header"});
    }
    const Row row(*fields, places, where);
    Sample& sample = sample_of(row, labels.dataset.samples, by_name);
    if (has_no_box(row)) continue;
    sample.annotations.push_back(annotation_of(row, classes));
    sample.annotations.back().id = ++boxes;
  }
  classes.sort(labels.dataset);
  return labels;
}

}  // namespace

Format csv_format() {
  return {.name = "CSV", .extension = ".csv", .is_per_picture = false, .claims = &claims, .read = &read};
}

}  // namespace joist
