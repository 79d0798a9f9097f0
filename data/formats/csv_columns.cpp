#include <joist/core/error.h>
#include <joist/data/formats/csv_columns.h>
#include <joist/data/formats/format.h>
#include <joist/data/text.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

namespace joist {
namespace {

constexpr std::size_t column_count = static_cast<std::size_t>(Column::count);

/// The spellings of each column, the usual one first.
constexpr std::array<std::array<std::string_view, 9>, column_count> spellings = {
    {{"filename", "file_name", "image_path", "image", "image_id", "imageid", "image_name", "path", "img_path"},
     {"width", "image_width", "img_width"},
     {"height", "image_height", "img_height"},
     {"class", "label", "category", "name", "labelname", "class_name", "category_name"},
     {"xmin", "x_min", "x1"},
     {"ymin", "y_min", "y1"},
     {"xmax", "x_max", "x2"},
     {"ymax", "y_max", "y2"},
     {"x", "bbox_x", "left"},
     {"y", "bbox_y", "top"},
     {"w", "bbox_width", "box_width"},
     {"h", "bbox_height", "box_height"},
     {"bbox"},
     {"boxesstring", "boxes_string", "boxes"},
     {"isgroupof", "iscrowd", "crowd"},
     {"isoccluded", "occluded"},
     {"istruncated", "truncated"},
     {"split", "subset"}}};
constexpr std::string_view usual_header = "filename,width,height,class,xmin,ymin,xmax,ymax";

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string text;
  for (const auto& field : fields) text += (text.empty() ? "" : ",") + field;
  constexpr std::size_t shown = 120;
  return text.size() > shown ? text.substr(0, shown) + "…" : text;
}

std::optional<double> parsed(std::string_view digits) {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size() && std::isfinite(value)) return value;
  std::string dotted(digits);
  const std::size_t comma = dotted.find(',');
  if (comma == std::string::npos || dotted.find_first_of(",.", comma + 1) != std::string::npos ||
      dotted.find('.') != std::string::npos)
    return std::nullopt;
  dotted[comma] = '.';
  return parsed(dotted);
}

}  // namespace

CsvColumns::CsvColumns(const CsvRow& header, const std::string& file) : columns_(header.fields.size()) {
  places_.fill(absent);
  if (is_headless(header)) {
    is_headless_ = true;
    constexpr std::array order = {Column::file, Column::xmin, Column::ymin, Column::xmax, Column::ymax, Column::label};
    for (std::size_t i = 0; i < order.size(); ++i) places_[static_cast<std::size_t>(order[i])] = i;
    return;
  }
  bool has_image_id = false;
  bool has_label_name = false;
  for (std::size_t i = 0; i < header.fields.size(); ++i) {
    const std::string field = in_lower_case(trimmed(header.fields[i]));
    has_image_id = has_image_id || field == "imageid";
    has_label_name = has_label_name || field == "labelname";
    for (std::size_t c = 0; c < column_count; ++c) {
      const bool is_it =
          !field.empty() && std::find(spellings[c].begin(), spellings[c].end(), field) != spellings[c].end();
      if (is_it && places_[c] == absent) places_[c] = i;
    }
  }
  is_open_images_ = has_image_id && has_label_name;
  const bool has_no_corners = !has(Column::xmin) && !has(Column::xmax);
  if (has_no_corners && has(Column::left) && has(Column::top)) {
    form_ = BoxForm::sides;
    // Where only one width is given, it is the box's.
    for (const auto& [box_side, side] :
         {std::pair{Column::box_width, Column::width}, {Column::box_height, Column::height}}) {
      if (has(box_side)) continue;
      std::swap(places_[static_cast<std::size_t>(box_side)], places_[static_cast<std::size_t>(side)]);
    }
  } else if (has_no_corners && has(Column::box)) {
    form_ = BoxForm::cell;
  } else if (has_no_corners && has(Column::boxes)) {
    form_ = BoxForm::cells;
  }
  std::vector<Column> needed = {Column::file};
  if (form_ == BoxForm::sides) needed = {Column::file, Column::label, Column::box_width, Column::box_height};
  if (form_ == BoxForm::corners)
    needed = {Column::file, Column::label, Column::xmin, Column::ymin, Column::xmax, Column::ymax};
  std::string missing;
  for (const Column column : needed) {
    if (!has(column)) missing += (missing.empty() ? "" : ", ") + std::string(name(column));
  }
  if (missing.empty()) return;
  throw DataError({.where = DataError::at(file, header.line),
                   .what = "the header \"" + joined(header.fields) + "\" lacks " + missing,
                   .expected = std::string(usual_header),
                   .remedy = "name the columns so in the first line"});
}

bool CsvColumns::is_headless(const CsvRow& row) {
  if (row.fields.size() != 6) return false;
  const auto corner = [&](std::size_t i) { return trimmed(row.fields[i]); };
  if (corner(1).empty()) return corner(2).empty() && corner(3).empty() && corner(4).empty() && corner(5).empty();
  return parsed(corner(1)) && parsed(corner(2)) && parsed(corner(3)) && parsed(corner(4)) && !corner(5).empty();
}

std::string_view CsvColumns::name(Column column) { return spellings[static_cast<std::size_t>(column)][0]; }

CsvFields::CsvFields(const CsvRow& row, const CsvColumns& columns, std::string where)
    : row_(row), columns_(columns), where_(std::move(where)) {
  if (row.fields.size() == columns.columns()) return;
  throw LabelError("wrong columns",
                   {.where = where_,
                    .what = std::to_string(row.fields.size()) + " columns",
                    .expected = std::to_string(columns.columns()) +
                                (columns.is_headless() ? ", as in the first row" : ", as in the header")});
}

std::string_view CsvFields::text(Column column) const {
  const std::size_t place = columns_.place(column);
  return place == CsvColumns::absent ? std::string_view() : trimmed(row_.fields[place]);
}

double CsvFields::number(Column column) const {
  const auto value = parsed(text(column));
  if (!value) fail(column, "a number");
  return *value;
}

int CsvFields::side(Column column) const {
  if (text(column).empty()) return 0;
  const double value = number(column);
  if (value != std::floor(value) || value < 0 || value > 1e9) fail(column, "a number of pixels");
  return static_cast<int>(value);
}

bool CsvFields::flag(Column column) const {
  const std::string_view value = text(column);
  return value == "1" || in_lower_case(value) == "true";
}

bool CsvFields::has_no_box() const {
  const auto is_empty = [&](std::initializer_list<Column> all) {
    return std::all_of(all.begin(), all.end(), [&](Column column) { return text(column).empty(); });
  };
  switch (columns_.form()) {
    case BoxForm::corners: return is_empty({Column::label, Column::xmin, Column::ymin, Column::xmax, Column::ymax});
    case BoxForm::sides: return is_empty({Column::left, Column::top, Column::box_width, Column::box_height});
    case BoxForm::cell: return is_empty({Column::box}) || text(Column::box) == "[]";
    case BoxForm::cells: return is_empty({Column::boxes}) || text(Column::boxes) == "no_box";
  }
  return false;
}

std::vector<double> CsvFields::numbers(Column column, std::string_view list) const {
  constexpr std::string_view between = " ,;[]()\t";
  std::vector<double> values;
  for (std::size_t at = list.find_first_not_of(between); at != std::string_view::npos;
       at = list.find_first_not_of(between, at)) {
    const std::size_t end = std::min(list.find_first_of(between, at), list.size());
    const auto value = parsed(list.substr(at, end - at));
    if (!value) fail(column, "numbers");
    values.push_back(*value);
    at = end;
  }
  return values;
}

std::vector<Box> CsvFields::boxes() const {
  switch (columns_.form()) {
    case BoxForm::corners: {
      const double x = number(Column::xmin);
      const double y = number(Column::ymin);
      return {{x, y, number(Column::xmax) - x, number(Column::ymax) - y}};
    }
    case BoxForm::sides:
      return {{number(Column::left), number(Column::top), number(Column::box_width), number(Column::box_height)}};
    case BoxForm::cell: {
      const std::vector<double> sides = numbers(Column::box, text(Column::box));
      if (sides.size() != 4) fail(Column::box, "[x, y, width, height]");
      return {{sides[0], sides[1], sides[2], sides[3]}};
    }
    case BoxForm::cells: {
      const std::vector<double> all = numbers(Column::boxes, text(Column::boxes));
      if (all.size() % 4 != 0) fail(Column::boxes, "x1 y1 x2 y2 of each box, and ; between them");
      std::vector<Box> boxes;
      for (std::size_t i = 0; i < all.size(); i += 4)
        boxes.push_back({all[i], all[i + 1], all[i + 2] - all[i], all[i + 3] - all[i + 1]});
      return boxes;
    }
  }
  return {};
}

void CsvFields::fail(Column column, const std::string& expected) const {
  std::string shown(text(column).substr(0, 80));
  throw DataError({.where = where_,
                   .what = "column " + std::to_string(columns_.place(column) + 1) + " (" +
                           std::string(CsvColumns::name(column)) + ") is \"" + shown + "\"",
                   .expected = expected});
}

}  // namespace joist
