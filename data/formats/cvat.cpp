// CVAT's own XML, for images and for video: boxes, polygons and flags. Of a video's tracks each frame with a box is a
// picture "frame_000000", as CVAT names them when it exports them.
#include <joist/core/error.h>
#include <joist/data/formats/class_names.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/parts.h>
#include <joist/data/formats/xml_document.h>
#include <joist/data/text.h>

#include <charconv>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;
using Node = pugi::xml_node;

/// "x,y;x,y;…"
std::vector<double> points_of(const XmlDocument& document, const Node& node) {
  const std::string_view text = node.attribute("points").value();
  std::vector<double> numbers;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at != end) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    const bool is_x = numbers.size() % 2 == 0;
    if (error != std::errc() || !std::isfinite(value) ||
        (is_x ? next == end || *next != ',' : next != end && *next != ';'))
      break;
    numbers.push_back(value);
    at = next == end ? end : next + 1;
  }
  if (at != end || numbers.size() < 6 || numbers.size() % 2 != 0) {
    throw DataError({.where = document.where(node),
                     .what = "points=\"" + std::string(text.substr(0, 60)) + "\"",
                     .expected = "x,y;x,y;… of at least three points"});
  }
  return numbers;
}

/// A <box> or <polygon> of a picture or track.
Annotation annotation_of(const XmlDocument& document, const Node& node, const std::string& label, ClassNames& classes,
                         Dataset& dataset) {
  if (label.empty()) throw DataError({.where = document.where(node), .what = "a shape without a label"});
  Annotation annotation{.where = document.where(node)};
  if (node.name() == std::string_view("polygon")) {
    Outline outline;
    outline.polygons.push_back(points_of(document, node));
    annotation.box = *bounds(outline.polygons);
    annotation.area = polygon_area(outline.polygons.front());
    annotation.outline = std::make_shared<const Outline>(std::move(outline));
  } else {
    const double left = document.attribute(node, "xtl");
    const double top = document.attribute(node, "ytl");
    annotation.box = {left, top, document.attribute(node, "xbr") - left, document.attribute(node, "ybr") - top};
    annotation.area = annotation.box.area();
    if (node.attribute("rotation").as_double() != 0) ++dataset.passed_over["rotations"];
  }
  annotation.category = classes.index(label);
  annotation.occluded = node.attribute("occluded").as_bool();
  for (const Node& attribute : node.children("attribute")) {
    const std::string_view name = attribute.attribute("name").value();
    const bool is_set = document.flag(attribute);
    if (name == "crowd") {
      annotation.crowd = is_set;
    } else if (name == "difficult") {
      annotation.difficult = is_set;
    } else if (name == "truncated") {
      annotation.truncated = is_set;
    } else {
      ++dataset.passed_over["attributes"];
    }
  }
  return annotation;
}

bool is_read(const Node& node) {
  return node.name() == std::string_view("box") || node.name() == std::string_view("polygon");
}

/// Parts of one object share a group.
bool adds_part(Sample& sample, const Annotation& part, std::int64_t group,
               std::map<std::int64_t, std::size_t>& groups) {
  if (group == 0 || !part.outline) return false;
  const auto [place, is_new] = groups.emplace(group, sample.annotations.size());
  if (is_new || sample.annotations[place->second].category != part.category) return false;
  add_part(sample.annotations[place->second], part);
  return true;
}

class Reader {
 public:
  Reader(const XmlDocument& document, const Node& root, Reading& reading)
      : document_(document), root_(root), reading_(reading) {}

  Labels run() {
    for (const auto& path : {"meta/task/labels", "meta/job/labels", "meta/project/labels"}) {
      for (const Node& label : root_.first_element_by_path(path).children("label"))
        if (const std::string name = document_.text(label.child("name")); !name.empty()) classes_.index(name);
    }
    for (const Node& image : root_.children("image")) reading_.attempt("bad label", [&] { read_image(image); });
    for (const Node& track : root_.children("track")) read_track(track);
    add_frames();
    classes_.sort(labels_.dataset);
    return std::move(labels_);
  }

 private:
  void read_image(const Node& image) {
    Sample sample;
    sample.where = document_.where(image);
    sample.path = trimmed(image.attribute("name").value());
    if (sample.path.empty()) throw DataError({.where = sample.where, .what = "<image> without name=\"…\""});
    sample.width = document_.side_attribute(image, "width");
    sample.height = document_.side_attribute(image, "height");
    sample.id = static_cast<std::int64_t>(labels_.dataset.samples.size()) + 1;
    const std::string subset = image.attribute("subset").value();
    sample.split = subset == "default" ? "" : subset;
    std::map<std::int64_t, std::size_t> groups;
    for (const Node& node : image.children()) {
      if (!is_read(node)) {
        ++labels_.dataset.passed_over[node.name()];
        continue;
      }
      reading_.attempt("bad label", [&] {
        const std::string label(trimmed(node.attribute("label").value()));
        Annotation annotation = annotation_of(document_, node, label, classes_, labels_.dataset);
        if (adds_part(sample, annotation, node.attribute("group_id").as_llong(), groups)) return;
        annotation.id = ++boxes_;
        sample.annotations.push_back(std::move(annotation));
      });
    }
    labels_.dataset.samples.push_back(std::move(sample));
  }

  void read_track(const Node& track) {
    const std::string label(trimmed(track.attribute("label").value()));
    for (const Node& node : track.children()) {
      if (!is_read(node)) {
        ++labels_.dataset.passed_over[node.name()];
        continue;
      }
      reading_.attempt("bad label", [&] {
        if (node.attribute("outside").as_bool()) return;
        const double frame = document_.attribute(node, "frame");
        if (!(frame >= 0) || frame > 1e9) {
          throw DataError({.where = document_.where(node), .what = "frame is " + fmt::format("{}", frame)});
        }
        frames_[static_cast<std::int64_t>(frame)].push_back(
            annotation_of(document_, node, label, classes_, labels_.dataset));
      });
    }
  }

  void add_frames() {
    const Node size = root_.first_element_by_path("meta/task/original_size");
    for (auto& [frame, annotations] : frames_) {
      Sample sample{.path = fmt::format("frame_{:06}", frame),
                    .id = static_cast<std::int64_t>(labels_.dataset.samples.size()) + 1,
                    .width = document_.side(size, "width"),
                    .height = document_.side(size, "height"),
                    .where = document_.name()};
      for (Annotation& annotation : annotations) annotation.id = ++boxes_;
      sample.annotations = std::move(annotations);
      labels_.dataset.samples.push_back(std::move(sample));
    }
  }

  const XmlDocument& document_;
  const Node& root_;
  Reading& reading_;
  Labels labels_{};
  ClassNames classes_{};
  std::map<std::int64_t, std::vector<Annotation>> frames_{};
  std::int64_t boxes_ = 0;
};

bool claims(const fs::path& path) {
  try {
    return static_cast<bool>(XmlDocument(path.string()).root("annotations"));
  } catch (const Error&) {
    return false;
  }
}

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  const XmlDocument document(files.front().string());
  const Node root = document.root("annotations");
  if (!root) {
    throw DataError({.where = document.name(), .what = "XML without <annotations>", .expected = "a CVAT file"});
  }
  return Reader(document, root, reading).run();
}

}  // namespace

Format cvat_format() {
  return {.name = "CVAT XML", .extensions = ".xml", .is_per_picture = false, .claims = &claims, .read = &read};
}

}  // namespace joist
