// LabelMe: one JSON file per picture; rectangles and polygons. Crowds and hard objects are flags of their shape.
#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/json_records.h>
#include <joist/data/formats/parts.h>
#include <joist/data/formats/per_picture.h>
#include <joist/data/text.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

namespace fs = std::filesystem;

/// The corners of a rectangle in any order, or a circle's centre and a point of it.
Box box_of(const JsonRecord& shape, const std::string& kind, const std::vector<std::vector<double>>& points) {
  const bool are_pairs = std::all_of(points.begin(), points.end(), [](const auto& point) { return point.size() == 2; });
  const std::size_t wanted = kind == "polygon" ? 3 : 2;
  if (!are_pairs || points.size() < wanted || (kind != "polygon" && points.size() != 2 && points.size() != 4)) {
    throw DataError({.where = shape.where(),
                     .what = "a " + kind + " of " + std::to_string(points.size()) + " points",
                     .expected = kind == "polygon" ? "at least three points [x, y]" : "two points [x, y]"});
  }
  if (kind == "circle") {
    const double radius = std::hypot(points[1][0] - points[0][0], points[1][1] - points[0][1]);
    return {points[0][0] - radius, points[0][1] - radius, 2 * radius, 2 * radius};
  }
  return *bounds(points);
}

Annotation annotation_of(const JsonRecord& shape, const std::string& kind, ClassNames& classes) {
  const std::string label(trimmed(shape.text("label")));
  const auto points = shape.number_lists("points");
  Annotation annotation{.box = box_of(shape, kind, points), .where = shape.where()};
  annotation.category = classes.index(label);
  annotation.area = annotation.box.area();
  for (const std::string& flag : shape.true_keys("flags")) {
    annotation.crowd = annotation.crowd || flag == "crowd";
    annotation.difficult = annotation.difficult || flag == "difficult";
    annotation.truncated = annotation.truncated || flag == "truncated";
    annotation.occluded = annotation.occluded || flag == "occluded";
  }
  if (kind == "polygon") {
    Outline outline;
    auto& polygon = outline.polygons.emplace_back();
    for (const auto& point : points) polygon.insert(polygon.end(), point.begin(), point.end());
    annotation.area = polygon_area(polygon);
    annotation.outline = std::make_shared<const Outline>(std::move(outline));
  }
  return annotation;
}

/// Parts of one object share a group.
bool joins(const Annotation& a, std::int64_t group, const Annotation& b, std::int64_t other_group) {
  return group >= 0 && group == other_group && a.category == b.category && a.outline && b.outline;
}

bool claims(const fs::path& path) {
  constexpr std::int64_t small = 1 << 20;
  try {
    std::error_code ignored;
    if (const auto size = fs::file_size(path, ignored); !ignored && size > small) {  // it holds its picture
      const std::string ends = read_head(path.string(), 1 << 16) + read_tail(path.string(), 1 << 16);
      return ends.find("\"shapes\"") != std::string::npos;
    }
    const JsonFile json(path.string());
    return json.has_list("shapes");
  } catch (const Error&) {
    return false;
  }
}

void read_file(const fs::path& file, Labels& labels, ClassNames& classes, std::int64_t& boxes, Reading& reading) {
  const JsonFile json(file.string());
  if (!json.has_list("shapes")) {
    throw DataError({.where = json.path(), .what = "no list \"shapes\"", .expected = "a LabelMe file"});
  }
  Sample sample;
  sample.where = json.path();
  json.with_root([&](const JsonRecord& root) {
    sample.path = root.has("imagePath") ? root.text("imagePath") : file.stem().string();
    sample.width = root.pixels("imageWidth");
    sample.height = root.pixels("imageHeight");
  });
  sample.id = static_cast<std::int64_t>(labels.dataset.samples.size()) + 1;
  std::vector<std::int64_t> groups;
  json.for_each("shapes", "a LabelMe file", [&](const JsonRecord& shape) {
    reading.attempt("bad label", [&] {
      const std::string kind = shape.has("shape_type") ? shape.text("shape_type") : "polygon";
      if (kind != "rectangle" && kind != "polygon" && kind != "circle") {
        ++labels.dataset.passed_over[kind + " shapes"];
        return;
      }
      const std::int64_t group = shape.has("group_id") ? shape.integer("group_id") : -1;
      Annotation annotation = annotation_of(shape, kind, classes);
      for (std::size_t i = 0; i < groups.size(); ++i) {
        if (!joins(sample.annotations[i], groups[i], annotation, group)) continue;
        add_part(sample.annotations[i], annotation);
        return;
      }
      annotation.id = ++boxes;
      groups.push_back(group);
      sample.annotations.push_back(std::move(annotation));
    });
  });
  labels.dataset.samples.push_back(std::move(sample));
  labels.other_names.push_back(file.stem().string());
}

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  return read_per_picture(files, reading, &read_file);
}

}  // namespace

Format labelme_format() {
  return {.name = "LabelMe JSON", .extensions = ".json", .is_per_picture = true, .claims = &claims, .read = &read};
}

}  // namespace joist
