// Pascal VOC: one XML file per picture. Corners are taken as they stand (width = xmax - xmin), as the tools that
// convert between VOC and COCO do, although the challenge itself counted pixels from 1.
#include <joist/core/error.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/format.h>
#include <joist/data/text.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include <pugixml.hpp>

namespace joist {
namespace {

namespace fs = std::filesystem;

/// One file while it is read; knows in which line each element stands.
class Document {
 public:
  explicit Document(std::string name) : name_(std::move(name)), text_(read_text(name_)) {
    const auto result = xml_.load_buffer(text_.data(), text_.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!result) {
      throw DataError({.where = at(result.offset),
                       .what = std::string("not well-formed XML: ") + result.description(),
                       .expected = "a complete Pascal VOC file"});
    }
  }

  pugi::xml_node root() const { return xml_.child("annotation"); }
  const std::string& name() const { return name_; }
  std::string where(const pugi::xml_node& node) const { return at(node.offset_debug()); }

  std::string text(const pugi::xml_node& node) const { return std::string(trimmed(node.text().get())); }

  double number(const pugi::xml_node& parent, const char* key) const {
    const pugi::xml_node node = parent.child(key);
    if (!node) {
      throw DataError({.where = where(parent), .what = std::string("<") + parent.name() + "> without <" + key + ">"});
    }
    const std::string digits = text(node);
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
      throw DataError(
          {.where = where(node), .what = std::string("<") + key + "> is \"" + digits + "\"", .expected = "a number"});
    }
    return value;
  }

  int side(const char* key) const {
    const pugi::xml_node size = root().child("size");
    if (!size.child(key)) return 0;
    const double value = number(size, key);
    if (value != std::floor(value) || value < 0 || value > 1e9) {
      throw DataError({.where = where(size.child(key)),
                       .what = std::string("<") + key + "> is " + text(size.child(key)),
                       .expected = "a number of pixels"});
    }
    return static_cast<int>(value);
  }

 private:
  std::string at(std::ptrdiff_t offset) const {
    const auto wanted = std::min(text_.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0)));
    if (wanted < known_offset_) known_offset_ = 0, known_line_ = 1;
    known_line_ += line_at(std::string_view(text_).substr(known_offset_), wanted - known_offset_) - 1;
    known_offset_ = wanted;
    return DataError::at(name_, known_line_);
  }

  std::string name_;
  std::string text_;
  pugi::xml_document xml_{};
  mutable std::size_t known_offset_ = 0;  // elements come in order: counting goes on from the last one
  mutable std::int64_t known_line_ = 1;
};

Annotation annotation_of(const Document& document, const pugi::xml_node& object, ClassNames& classes) {
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
  annotation.difficult = document.text(object.child("difficult")) == "1";
  annotation.area = annotation.box.area();
  annotation.where = document.where(object);
  return annotation;
}

bool claims(const fs::path& path) {
  try {
    return static_cast<bool>(Document(path.string()).root());
  } catch (const Error&) {
    return false;
  }
}

Labels read(const std::vector<fs::path>& files) {
  Labels labels;
  ClassNames classes;
  std::int64_t boxes = 0;
  for (const fs::path& file : files) {
    const Document document(file.string());
    const pugi::xml_node root = document.root();
    if (!root) {
      throw DataError({.where = document.name(), .what = "XML without <annotation>", .expected = "a Pascal VOC file"});
    }
    Sample sample;
    sample.path = document.text(root.child("filename"));
    if (sample.path.empty()) sample.path = file.stem().string();
    sample.id = static_cast<std::int64_t>(labels.dataset.samples.size()) + 1;
    sample.width = document.side("width");
    sample.height = document.side("height");
    sample.where = document.name();
    for (const auto& object : root.children("object")) {
      sample.annotations.push_back(annotation_of(document, object, classes));
      sample.annotations.back().id = ++boxes;
    }
    labels.dataset.samples.push_back(std::move(sample));
    labels.other_names.push_back(file.stem().string());  // files are often renamed without their <filename>
  }
  classes.sort(labels.dataset);
  return labels;
}

}  // namespace

Format voc_format() {
  return {.name = "Pascal VOC XML", .extension = ".xml", .is_per_picture = true, .claims = &claims, .read = &read};
}

}  // namespace joist
