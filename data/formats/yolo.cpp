// YOLO text labels: one file per picture, a line per object with shares of the picture's sides: class and box (centre
// and size), class and polygon, or, where the description says so (kpt_shape), class, box and keypoints.
#include <joist/core/error.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/yolo_set.h>
#include <joist/data/text.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

namespace joist {
namespace {

namespace fs = std::filesystem;

std::vector<double> numbers_in(std::string_view line, const std::string& where) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<double> values;
  for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos;
       at = line.find_first_not_of(blanks, at)) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    double value = 0;
    const auto [next, error] = std::from_chars(line.data() + at, line.data() + end, value);
    if (error != std::errc() || next != line.data() + end || !std::isfinite(value)) {
      throw LabelError("bad label", {.where = where,
                                     .what = "column " + std::to_string(values.size() + 1) + " is \"" +
                                             std::string(line.substr(at, std::min<std::size_t>(end - at, 40))) + "\"",
                                     .expected = "a number"});
    }
    values.push_back(value);
    at = end;
  }
  return values;
}

class Reader {
 public:
  Reader(YoloSet set, Reading& reading) : set_(std::move(set)), reading_(reading) {}

  Labels run() {
    labels_.is_relative = true;
    labels_.dataset.samples.reserve(set_.entries.size());
    for (const YoloEntry& entry : set_.entries) read_entry(entry);
    const std::size_t count = set_.names.empty() ? static_cast<std::size_t>(largest_ + 1) : set_.names.size();
    for (std::size_t c = 0; c < count; ++c) {
      labels_.dataset.categories.push_back(set_.names.empty() ? std::to_string(c) : set_.names[c]);
      labels_.dataset.category_ids.push_back(static_cast<std::int64_t>(c) + 1);
    }
    if (set_.keypoints > 0) {
      KeypointKind kind;
      for (int i = 0; i < set_.keypoints; ++i) kind.names.push_back(std::to_string(i + 1));
      labels_.dataset.keypoints.assign(count, kind);
    }
    return std::move(labels_);
  }

 private:
  void read_entry(const YoloEntry& entry) {
    Sample sample{.id = static_cast<std::int64_t>(labels_.dataset.samples.size()) + 1};
    const bool has_own_place = !entry.picture.empty() && reading_.options().images.empty();
    sample.path = has_own_place ? entry.picture.string() : entry.name;
    sample.name = entry.name;
    sample.split = entry.split;
    sample.where = entry.label.empty() ? sample.path : entry.label.string();
    if (entry.label.empty()) {
      reading_.faults.push_back({sample.path, "no label file", "taken for a picture without objects"});
    } else if (!reading_.attempt("label file unreadable", [&] { read_labels(entry.label.string(), sample); })) {
      return;  // without its labels the picture would teach that there is nothing on it
    }
    labels_.dataset.samples.push_back(std::move(sample));
  }

  void read_labels(const std::string& file, Sample& sample) {
    std::istringstream lines(read_text(file, std::int64_t{1} << 28));
    std::int64_t number = 0;
    bool has_fault = false;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (trimmed(line).empty()) continue;
      const auto read = [&] { sample.annotations.push_back(annotation_of(line, DataError::at(file, number))); };
      has_fault = !reading_.attempt("bad label", read) || has_fault;
    }
    if (has_fault && sample.annotations.empty()) throw DataError({.where = file, .what = "no line of it can be read"});
  }

  Annotation annotation_of(std::string_view line, const std::string& where) {
    const std::vector<double> values = numbers_in(line, where);
    const auto with_keypoints = static_cast<std::size_t>(5 + set_.keypoints * set_.keypoint_dimensions);
    const bool is_box = values.size() == 5 || (set_.keypoints > 0 && values.size() == with_keypoints);
    const bool is_polygon = set_.keypoints == 0 && values.size() >= 7 && values.size() % 2 == 1;
    if (!is_box && !is_polygon) {
      throw LabelError("wrong columns",
                       {.where = where,
                        .what = std::to_string(values.size()) + " columns",
                        .expected = "class, centre x, centre y, width, height; or class and x, y of at "
                                    "least three points"});
    }
    Annotation annotation{.id = ++boxes_, .where = where};
    annotation.category = class_of(values[0], where);
    if (is_box) {
      annotation.box = {values[1] - values[3] / 2, values[2] - values[4] / 2, values[3], values[4]};
      annotation.area = annotation.box.area();
      if (values.size() > 5) annotation.outline = std::make_shared<const Outline>(keypoints_of(values));
      return annotation;
    }
    Outline outline;
    outline.polygons.emplace_back(values.begin() + 1, values.end());
    annotation.box = *bounds(outline.polygons);
    annotation.area = polygon_area(outline.polygons.front());
    annotation.outline = std::make_shared<const Outline>(std::move(outline));
    return annotation;
  }

  int class_of(double value, const std::string& where) {
    const double most = set_.names.empty() ? 99'999 : static_cast<double>(set_.names.size()) - 1;
    if (value != std::floor(value) || value < 0 || value > most) {
      std::ostringstream text;
      text << value;
      throw LabelError("unknown class",
                       {.where = where,
                        .what = "class " + text.str(),
                        .expected = "a whole number from 0 to " + std::to_string(static_cast<int>(most))});
    }
    largest_ = std::max(largest_, static_cast<int>(value));
    return static_cast<int>(value);
  }

  Outline keypoints_of(const std::vector<double>& values) const {
    Outline outline;
    const auto step = static_cast<std::size_t>(set_.keypoint_dimensions);
    for (std::size_t i = 5; i < values.size(); i += step) {
      const bool is_absent = values[i] == 0 && values[i + 1] == 0;
      const int visibility = step == 3 ? static_cast<int>(std::clamp(values[i + 2], 0.0, 2.0)) : is_absent ? 0 : 2;
      outline.keypoints.push_back({values[i], values[i + 1], visibility});
    }
    return outline;
  }

  YoloSet set_;
  Reading& reading_;
  Labels labels_{};
  std::int64_t boxes_ = 0;
  int largest_ = -1;
};

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  return Reader(find_yolo_set(files.front()), reading).run();
}

}  // namespace

Format yolo_format() {
  return {.name = "YOLO",
          .extensions = ".yaml .yml .data",
          .is_per_picture = false,
          .claims = &is_yolo_file,
          .read = &read,
          .claims_folder = &is_yolo_folder,
          .other_extensions = ".txt"};
}

}  // namespace joist
