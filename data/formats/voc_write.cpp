// Pascal VOC and ImageNet: XML files in Annotations/. Coordinates keep their fractions, which readers of the
// challenges' own whole numbers take too.
#include <joist/data/files.h>
#include <joist/data/formats/writer.h>

#include <filesystem>
#include <iterator>
#include <map>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

std::string object_text(const Dataset& dataset, const Annotation& annotation, bool is_voc) {
  const auto number = [&](double value) { return number_text(value, annotation.where); };
  std::string text = fmt::format("  <object>\n    <name>{}</name>\n", xml_text(class_name(dataset, annotation)));
  if (is_voc) text += "    <pose>Unspecified</pose>\n";
  text += fmt::format("    <truncated>{}</truncated>\n", annotation.truncated ? 1 : 0);
  text += fmt::format("    <difficult>{}</difficult>\n", annotation.difficult ? 1 : 0);
  text += fmt::format("    <occluded>{}</occluded>\n", annotation.occluded ? 1 : 0);
  const Box& box = annotation.box;
  text += fmt::format(
      "    <bndbox>\n      <xmin>{}</xmin>\n      <ymin>{}</ymin>\n      <xmax>{}</xmax>\n      <ymax>{}</ymax>\n"
      "    </bndbox>\n  </object>\n",
      number(box.x), number(box.y), number(box.right()), number(box.bottom()));
  return text;
}

std::int64_t write(const Dataset& dataset, const fs::path& out, const WriteOptions& options, bool is_voc) {
  const fs::path folder = fs::absolute(out / "Annotations");
  const std::vector<std::string> stems = unique_stems(dataset);
  std::map<std::string, std::string> lists;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    const auto [width, height] = picture_size(sample);
    const std::string path = picture_name(sample, folder, options);
    std::string text = fmt::format(
        "<annotation>\n  <folder>{}</folder>\n  <filename>{}</filename>\n  <path>{}</path>\n"
        "  <source>\n    <database>{}</database>\n  </source>\n"
        "  <size>\n    <width>{}</width>\n    <height>{}</height>\n    <depth>3</depth>\n  </size>\n"
        "  <segmented>0</segmented>\n",
        xml_text(utf8(fs::path(path).parent_path().filename())), xml_text(utf8(fs::path(path).filename())),
        xml_text(path), is_voc ? "Unknown" : "ILSVRC", width, height);
    for (const Annotation& annotation : sample.annotations) text += object_text(dataset, annotation, is_voc);
    write_bytes((folder / (stems[i] + ".xml")).string(), text + "</annotation>\n");
    lists[sample.split.empty() ? "default" : sample.split] += stems[i] + "\n";
  }
  for (const auto& [split, list] : lists) write_bytes((out / "ImageSets" / "Main" / (split + ".txt")).string(), list);
  return std::ssize(dataset.samples) + std::ssize(lists);
}

std::int64_t write_voc(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  return write(dataset, out, options, true);
}

std::int64_t write_imagenet(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  return write(dataset, out, options, false);
}

constexpr Holds xml_holds = {
    .difficult = true, .truncated = true, .occluded = true, .empty_pictures = true, .sizes = true, .splits = true};

}  // namespace

Writer voc_writer() { return {.name = "voc", .default_file = "", .holds = xml_holds, .write = &write_voc}; }

Writer imagenet_writer() {
  return {.name = "imagenet", .default_file = "", .holds = xml_holds, .write = &write_imagenet};
}

}  // namespace joist
