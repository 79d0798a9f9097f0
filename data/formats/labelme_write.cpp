#include <joist/data/files.h>
#include <joist/data/formats/writer.h>

#include <filesystem>
#include <iterator>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

std::string flags_text(const Annotation& annotation) {
  std::string text;
  const auto flag = [&](bool is_set, const char* name) {
    if (is_set) text += fmt::format("{}\"{}\": true", text.empty() ? "" : ", ", name);
  };
  flag(annotation.crowd, "crowd");
  flag(annotation.difficult, "difficult");
  flag(annotation.truncated, "truncated");
  flag(annotation.occluded, "occluded");
  return "{" + text + "}";
}

std::string shape_text(const Dataset& dataset, const Annotation& annotation, const std::vector<double>& points,
                       const char* kind, const std::string& group) {
  std::string list;
  for (std::size_t i = 0; i + 1 < points.size(); i += 2) {
    list += fmt::format("{}[{}, {}]", i == 0 ? "" : ", ", number_text(points[i], annotation.where),
                        number_text(points[i + 1], annotation.where));
  }
  return fmt::format("    {{\"label\": {}, \"points\": [{}], \"group_id\": {}, \"shape_type\": \"{}\", \"flags\": {}}}",
                     json_text(class_name(dataset, annotation)), list, group, kind, flags_text(annotation));
}

std::int64_t write(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  const fs::path folder = fs::absolute(out);
  const std::vector<std::string> stems = unique_stems(dataset);
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    const auto [width, height] = picture_size(sample);
    std::string shapes;
    const auto add = [&](const std::string& shape) { shapes += (shapes.empty() ? "\n" : ",\n") + shape; };
    int group = 0;
    for (const Annotation& annotation : sample.annotations) {
      ++group;
      const Box& box = annotation.box;
      if (!has_fitting_outline(annotation)) {
        add(shape_text(dataset, annotation, {box.x, box.y, box.right(), box.bottom()}, "rectangle", "null"));
        continue;
      }
      const auto& polygons = annotation.outline->polygons;
      const std::string together = polygons.size() > 1 ? std::to_string(group) : "null";
      for (const auto& polygon : polygons) add(shape_text(dataset, annotation, polygon, "polygon", together));
    }
    const std::string text = fmt::format(
        "{{\n  \"version\": \"5.4.1\",\n  \"flags\": {{}},\n  \"shapes\": [{}],\n  \"imagePath\": {},\n"
        "  \"imageData\": null,\n  \"imageHeight\": {},\n  \"imageWidth\": {}\n}}\n",
        shapes, json_text(picture_name(sample, folder, options)), height, width);
    write_bytes((folder / (stems[i] + ".json")).string(), text);
  }
  return std::ssize(dataset.samples);
}

}  // namespace

Writer labelme_writer() {
  return {.name = "labelme",
          .default_file = "",
          .holds = {.polygons = true,
                    .several_parts = true,
                    .crowd = true,
                    .difficult = true,
                    .truncated = true,
                    .occluded = true,
                    .empty_pictures = true,
                    .sizes = true},
          .write = &write,
          .losses = &unfitting_outlines};
}

}  // namespace joist
