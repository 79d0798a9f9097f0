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
    if (is_set) text += fmt::format("      <attribute name=\"{}\">true</attribute>\n", name);
  };
  flag(annotation.crowd, "crowd");
  flag(annotation.difficult, "difficult");
  flag(annotation.truncated, "truncated");
  return text;
}

std::string points_text(const std::vector<double>& polygon, const std::string& where) {
  std::string text;
  for (std::size_t i = 0; i + 1 < polygon.size(); i += 2) {
    text += (i == 0 ? "" : ";") + number_text(polygon[i], where) + "," + number_text(polygon[i + 1], where);
  }
  return text;
}

/// Polygons where the object's box is theirs; else the box, which counts.
std::string shapes_text(const Dataset& dataset, const Annotation& annotation, std::int64_t group) {
  const std::string& where = annotation.where;
  const std::string head = fmt::format("label=\"{}\" source=\"manual\" occluded=\"{}\"",
                                       xml_text(class_name(dataset, annotation)), annotation.occluded ? 1 : 0);
  const std::string flags = flags_text(annotation);
  std::string text;
  if (has_fitting_outline(annotation)) {
    const auto& polygons = annotation.outline->polygons;
    const std::string together = polygons.size() > 1 ? fmt::format(" group_id=\"{}\"", group) : "";
    for (const auto& polygon : polygons)
      text += fmt::format("    <polygon {} points=\"{}\" z_order=\"0\"{}>\n{}    </polygon>\n", head,
                          points_text(polygon, where), together, flags);
    return text;
  }
  const Box& box = annotation.box;
  return fmt::format("    <box {} xtl=\"{}\" ytl=\"{}\" xbr=\"{}\" ybr=\"{}\" z_order=\"0\">\n{}    </box>\n", head,
                     number_text(box.x, where), number_text(box.y, where), number_text(box.right(), where),
                     number_text(box.bottom(), where), flags);
}

std::int64_t write(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  const fs::path folder = fs::absolute(out).parent_path();
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n"
      "      <size>{}</size>\n      <mode>annotation</mode>\n      <labels>\n",
      dataset.samples.size());
  for (const std::string& name : dataset.categories) {
    text += fmt::format("        <label>\n          <name>{}</name>\n          <attributes>\n", xml_text(name));
    for (const char* flag : {"crowd", "difficult", "truncated"})
      text += fmt::format(
          "            <attribute>\n              <name>{}</name>\n              <mutable>False</mutable>\n"
          "              <input_type>checkbox</input_type>\n              <default_value>false</default_value>\n"
          "              <values>false</values>\n            </attribute>\n",
          flag);
    text += "          </attributes>\n        </label>\n";
  }
  text += "      </labels>\n    </task>\n  </meta>\n";
  std::int64_t number = 0;
  for (const Sample& sample : dataset.samples) {
    const auto [width, height] = picture_size(sample);
    text += fmt::format("  <image id=\"{}\" name=\"{}\"{} width=\"{}\" height=\"{}\">\n", number++,
                        xml_text(picture_name(sample, folder, options)),
                        sample.split.empty() ? "" : " subset=\"" + xml_text(sample.split) + "\"", width, height);
    std::int64_t group = 0;
    for (const Annotation& annotation : sample.annotations) text += shapes_text(dataset, annotation, ++group);
    text += "  </image>\n";
  }
  write_bytes(out.string(), text + "</annotations>\n");
  return 1;
}

}  // namespace

Writer cvat_writer() {
  return {.name = "cvat",
          .default_file = "annotations.xml",
          .holds = {.polygons = true,
                    .several_parts = true,
                    .crowd = true,
                    .difficult = true,
                    .truncated = true,
                    .occluded = true,
                    .empty_pictures = true,
                    .unused_classes = true,
                    .sizes = true,
                    .splits = true},
          .write = &write,
          .losses = &unfitting_outlines};
}

}  // namespace joist
