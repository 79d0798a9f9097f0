// CSV files with boxes: a box per row, as TensorFlow's, Kaggle's and OpenImages' tools write it, or boxes in one cell
// as in the Global Wheat sets. Corners are taken as they stand: width = xmax - xmin. A row with a file name alone is a
// picture without boxes.
#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/candidates.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/csv_columns.h>
#include <joist/data/formats/format.h>
#include <joist/data/text.h>

#include <algorithm>
#include <unordered_map>

namespace joist {
namespace {

namespace fs = std::filesystem;

class Reader {
 public:
  Reader(std::string file, const CsvColumns& columns) : file_(std::move(file)), columns_(columns) {
    if (columns.is_open_images()) read_descriptions();
  }

  void read_row(const CsvRow& row) {
    const CsvFields fields(row, columns_, DataError::at(file_, row.line));
    if (fields.has_no_box()) {
      sample_of(fields);
      return;
    }
    std::vector<Annotation> annotations;  // all of them, before the picture is known: a faulty row leaves none behind
    const std::string name = class_of(fields);
    for (const Box& box : fields.boxes()) {
      Annotation annotation{.box = box, .area = box.area(), .where = fields.where()};
      annotation.crowd = fields.flag(Column::crowd);
      annotation.occluded = fields.flag(Column::occluded);
      annotation.truncated = fields.flag(Column::truncated);
      annotations.push_back(std::move(annotation));
    }
    Sample& sample = sample_of(fields);
    for (Annotation& annotation : annotations) {
      annotation.category = classes_.index(name);
      annotation.id = ++boxes_;
      sample.annotations.push_back(std::move(annotation));
    }
  }

  Labels labels() {
    classes_.sort(labels_.dataset);
    labels_.is_relative = columns_.is_open_images();
    if (labels_.is_relative) labels_.dataset.format = "OpenImages CSV";
    return std::move(labels_);
  }

 private:
  /// OpenImages names classes by codes; a file beside it says what they mean.
  void read_descriptions() {
    for (const fs::path& entry : entries_of(fs::absolute(file_).parent_path())) {
      if (!entry.filename().string().starts_with("class-descriptions") || lower_extension(entry) != ".csv") continue;
      const std::string text = read_text(entry.string());
      CsvRows rows(text, entry.string());
      while (const auto row = rows.next()) {
        if (row->fields.size() >= 2) descriptions_.emplace(trimmed(row->fields[0]), trimmed(row->fields[1]));
      }
    }
  }

  std::string class_of(const CsvFields& fields) const {
    if (!columns_.has(Column::label)) return "object";
    const std::string name(fields.text(Column::label));
    if (name.empty()) {
      throw DataError(
          {.where = fields.where(), .what = "box without a class", .expected = "a name in the column class"});
    }
    const auto described = descriptions_.find(name);
    return described == descriptions_.end() ? name : described->second;
  }

  Sample& sample_of(const CsvFields& fields) {
    const std::string name(fields.text(Column::file));
    if (name.empty()) throw DataError({.where = fields.where(), .what = "row without a file name"});
    const int width = fields.side(Column::width);
    const int height = fields.side(Column::height);
    auto& samples = labels_.dataset.samples;
    const auto [place, is_new] = by_name_.emplace(name, samples.size());
    if (is_new) {
      samples.push_back(
          {.path = name, .id = static_cast<std::int64_t>(samples.size()) + 1, .width = width, .height = height});
      samples.back().where = fields.where();
      samples.back().split = fields.text(Column::split);
    }
    Sample& sample = samples[place->second];
    if (sample.width != width || sample.height != height) {
      throw DataError({.where = fields.where(),
                       .what = name + " is " + std::to_string(width) + "×" + std::to_string(height) + " here but " +
                               std::to_string(sample.width) + "×" + std::to_string(sample.height) + " in " +
                               sample.where,
                       .expected = "one size for each picture"});
    }
    return sample;
  }

  std::string file_;
  const CsvColumns& columns_;
  Labels labels_{};
  ClassNames classes_{};
  std::unordered_map<std::string, std::size_t> by_name_{};
  std::unordered_map<std::string, std::string> descriptions_{};
  std::int64_t boxes_ = 0;
};

bool claims(const fs::path& path) {
  constexpr std::int64_t enough = 1 << 16;  // for a header, also where one row holds many boxes
  try {
    std::string head = read_head(path.string(), enough);
    if (std::ssize(head) == enough) head.resize(head.find_last_of("\r\n") + 1);  // no half character
    const std::string text = to_utf8(std::move(head), path.string());
    const auto header = CsvRows(text, path.string()).next();
    if (header) CsvColumns(*header, path.string());
    return header.has_value();
  } catch (const Error&) {
    return false;
  }
}

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  const std::string name = files.front().string();
  const std::string text = read_text(name);
  CsvRows rows(text, name);
  auto row = rows.next();
  if (!row) {
    throw DataError(
        {.where = name, .what = "the file is empty", .expected = "filename,width,height,class,xmin,ymin,xmax,ymax"});
  }
  const CsvColumns columns(*row, name);
  Reader reader(name, columns);
  if (!columns.is_headless()) row = rows.next();
  for (; row; row = rows.next()) {
    const auto is_blank = [](const std::string& field) { return trimmed(field).empty(); };
    if (std::all_of(row->fields.begin(), row->fields.end(), is_blank)) continue;  // spreadsheets leave them behind
    reading.attempt("bad label", [&] { reader.read_row(*row); });
  }
  return reader.labels();
}

}  // namespace

Format csv_format() {
  return {.name = "CSV", .extensions = ".csv", .is_per_picture = false, .claims = &claims, .read = &read};
}

}  // namespace joist
