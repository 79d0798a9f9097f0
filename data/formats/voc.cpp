// Pascal VOC: one XML file per picture. Corners are taken as they stand (width = xmax - xmin), as the tools that
// convert between VOC and COCO do, although the challenge itself counted pixels from 1.
#include <joist/core/error.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/per_picture.h>
#include <joist/data/formats/xml_document.h>

#include <algorithm>
#include <iterator>
#include <system_error>

namespace joist {
namespace {

namespace fs = std::filesystem;

Annotation annotation_of(const XmlDocument& document, const pugi::xml_node& object, ClassNames& classes) {
  const std::string name = document.text(object.child("name"));
  if (name.empty()) {
    throw DataError({.where = document.where(object), .what = "<object> without a class", .expected = "a <name>"});
  }
  const pugi::xml_node corners = object.child("bndbox");
  if (!corners) {
    throw DataError({.where = document.where(object), .what = "<object> " + name + " without a <bndbox>"});
  }
  const double left = document.number(corners, "xmin");
  const double top = document.number(corners, "ymin");
  Annotation annotation;
  annotation.box = {left, top, document.number(corners, "xmax") - left, document.number(corners, "ymax") - top};
  annotation.category = classes.index(name);
  annotation.difficult = document.flag(object.child("difficult"));
  annotation.truncated = document.flag(object.child("truncated"));
  annotation.occluded = document.flag(object.child("occluded"));
  annotation.area = annotation.box.area();
  annotation.where = document.where(object);
  return annotation;
}

bool claims(const fs::path& path) {
  try {
    return static_cast<bool>(XmlDocument(path.string()).root("annotation"));
  } catch (const Error&) {
    return false;
  }
}

/// Tools write the picture's place on their own machine as <path>; joist writes it relative to the file.
std::string picture_name(const XmlDocument& document, const pugi::xml_node& root, const fs::path& file) {
  const fs::path path = document.text(root.child("path"));
  std::error_code ignored;
  if (!path.empty() && path.is_relative() && fs::is_regular_file(file.parent_path() / path, ignored))
    return path.string();
  std::string name = document.text(root.child("filename"));
  return name.empty() ? file.stem().string() : name;
}

void read_file(const fs::path& file, Labels& labels, ClassNames& classes, std::int64_t& boxes, Reading& reading) {
  const XmlDocument document(file.string());
  const pugi::xml_node root = document.root("annotation");
  if (!root) {
    throw DataError({.where = document.name(), .what = "XML without <annotation>", .expected = "a Pascal VOC file"});
  }
  Sample sample;
  sample.path = picture_name(document, root, file);
  sample.id = static_cast<std::int64_t>(labels.dataset.samples.size()) + 1;
  sample.width = document.side(root.child("size"), "width");
  sample.height = document.side(root.child("size"), "height");
  sample.where = document.name();
  for (const auto& object : root.children("object")) {
    reading.attempt("bad label", [&] {
      sample.annotations.push_back(annotation_of(document, object, classes));
      sample.annotations.back().id = ++boxes;
    });
    for (const char* extra : {"part", "polygon", "mask", "attributes"}) {
      const auto nodes = object.children(extra);
      if (const auto count = std::distance(nodes.begin(), nodes.end()); count > 0)
        labels.dataset.passed_over[extra] += count;
    }
  }
  labels.dataset.samples.push_back(std::move(sample));
  labels.other_names.push_back(file.stem().string());  // files are often renamed without their <filename>
}

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  return read_per_picture(files, reading, &read_file);
}

}  // namespace

Format voc_format() {
  return {.name = "Pascal VOC XML", .extensions = ".xml", .is_per_picture = true, .claims = &claims, .read = &read};
}

}  // namespace joist
