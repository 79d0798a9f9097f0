// Which column of a CSV file with boxes is which, in the spellings of Kaggle, TensorFlow, OpenImages and others.
// Private to data/.
#pragma once

#include <joist/data/formats/csv_rows.h>
#include <joist/data/outline.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

enum class Column {
  file,
  width,
  height,
  label,
  xmin,
  ymin,
  xmax,
  ymax,
  left,
  top,
  box_width,
  box_height,
  box,
  boxes,
  crowd,
  occluded,
  truncated,
  split,
  count
};

/// How the boxes of a file are written.
enum class BoxForm {
  corners,  ///< xmin, ymin, xmax, ymax
  sides,    ///< x, y and width and height
  cell,     ///< [x, y, width, height] in one cell
  cells     ///< all boxes of a picture in one cell: "x1 y1 x2 y2;x1 y1 x2 y2"
};

class CsvColumns {
 public:
  /// Throws DataError that names what the header lacks.
  CsvColumns(const CsvRow& header, const std::string& file);

  /// Whether a first row is no header but data as keras-retinanet writes them: path, x1, y1, x2, y2, class.
  static bool is_headless(const CsvRow& row);

  bool has(Column column) const { return place(column) != absent; }
  std::size_t place(Column column) const { return places_[static_cast<std::size_t>(column)]; }
  static std::string_view name(Column column);
  BoxForm form() const { return form_; }
  bool is_open_images() const { return is_open_images_; }  ///< shares of the sides instead of pixels
  bool is_headless() const { return is_headless_; }
  std::size_t columns() const { return columns_; }

  static constexpr std::size_t absent = ~std::size_t{0};

 private:
  std::array<std::size_t, static_cast<std::size_t>(Column::count)> places_{};
  BoxForm form_ = BoxForm::corners;
  bool is_open_images_ = false;
  bool is_headless_ = false;
  std::size_t columns_ = 0;
};

/// The fields of one row by column.
class CsvFields {
 public:
  /// Throws LabelError "wrong columns" for another number of them than in the header.
  CsvFields(const CsvRow& row, const CsvColumns& columns, std::string where);

  const std::string& where() const { return where_; }
  std::string_view text(Column column) const;  ///< empty where the column is absent
  double number(Column column) const;          ///< a decimal comma is one, too
  int side(Column column) const;               ///< of a picture, pixels; 0 where empty
  bool flag(Column column) const;              ///< 1 or true
  bool has_no_box() const;
  std::vector<Box> boxes() const;

 private:
  [[noreturn]] void fail(Column column, const std::string& expected) const;
  std::vector<double> numbers(Column column, std::string_view text) const;

  const CsvRow& row_;
  const CsvColumns& columns_;
  std::string where_;
};

}  // namespace joist
