#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/data/decode.h>
#include <joist/data/files.h>
#include <joist/data/formats/candidates.h>
#include <joist/data/formats/writer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

namespace fs = std::filesystem;

const std::array<Writer, 8>& writers() {
  static const std::array all = {coco_writer(), yolo_writer(),    voc_writer(),      csv_writer(),
                                 cvat_writer(), labelme_writer(), imagenet_writer(), openimages_writer()};
  return all;
}

const Writer& writer_named(const std::string& name) {
  for (const Writer& writer : writers()) {
    if (writer.name == name) return writer;
  }
  throw UsageError({.where = "--to",
                    .what = "\"" + name + "\"",
                    .expected = fmt::format("{}", fmt::join(writable_formats(), ", ")),
                    .remedy = "name one of these formats"});
}

void outline_losses(const Annotation& annotation, const Holds& holds, std::vector<Loss>& losses) {
  if (!annotation.outline) return;
  const Outline& outline = *annotation.outline;
  if (!outline.polygons.empty() && !holds.polygons) add_loss(losses, "outlines", annotation.where);
  if (outline.polygons.size() > 1 && holds.polygons && !holds.several_parts)
    add_loss(losses, "separate parts of an outline (joined to one polygon)", annotation.where);
  if (outline.mask && !holds.masks) add_loss(losses, "masks (run lengths)", annotation.where);
  if (!outline.keypoints.empty() && !holds.keypoints) add_loss(losses, "keypoints", annotation.where);
}

/// Whether the area follows from what the format holds.
bool has_own_area(const Annotation& annotation, const Holds& holds) {
  double derived = annotation.box.area();
  if (holds.polygons && annotation.outline && !annotation.outline->polygons.empty()) {
    derived = 0;
    for (const auto& polygon : annotation.outline->polygons) derived += polygon_area(polygon);
  }
  return std::abs(annotation.area - derived) > 0.5;
}

std::vector<Loss> losses_of(const Dataset& dataset, const Writer& writer) {
  const Holds& holds = writer.holds;
  std::vector<Loss> losses;
  std::vector<char> is_used(dataset.categories.size(), 0);
  std::int64_t id = 0;
  std::int64_t picture_id = 0;
  for (const Sample& sample : dataset.samples) {
    if (sample.annotations.empty() && !holds.empty_pictures) add_loss(losses, "pictures without boxes", sample.where);
    if (!sample.split.empty() && !holds.splits) add_loss(losses, "which part a picture belongs to", sample.where);
    if (sample.width > 0 && !holds.sizes) add_loss(losses, "recorded picture sizes", sample.where);
    if (sample.id != ++picture_id && !holds.ids) add_loss(losses, "ids of pictures", sample.where);
    for (const Annotation& annotation : sample.annotations) {
      is_used[static_cast<std::size_t>(annotation.category)] = 1;
      outline_losses(annotation, holds, losses);
      if (annotation.crowd && !holds.crowd) add_loss(losses, "crowd flags", annotation.where);
      if (annotation.difficult && !holds.difficult) add_loss(losses, "difficult flags", annotation.where);
      if (annotation.truncated && !holds.truncated) add_loss(losses, "truncated flags", annotation.where);
      if (annotation.occluded && !holds.occluded) add_loss(losses, "occluded flags", annotation.where);
      if (annotation.id != ++id && !holds.ids) add_loss(losses, "ids of boxes", annotation.where);
      if (!holds.area && has_own_area(annotation, holds)) add_loss(losses, "areas of outlines", annotation.where);
    }
  }
  for (std::size_t c = 0; c < dataset.categories.size(); ++c) {
    if (is_used[c] == 0 && !holds.unused_classes) add_loss(losses, "classes without boxes", dataset.categories[c]);
  }
  if (!holds.class_order && !std::is_sorted(dataset.categories.begin(), dataset.categories.end()))
    add_loss(losses, "the order of the classes (read again by name)", dataset.source);
  if (writer.losses != nullptr) writer.losses(dataset, losses);
  for (const auto& [what, count] : dataset.passed_over)
    losses.push_back({what + " (not read from " + dataset.format + ")", count, dataset.source});
  return losses;
}

}  // namespace

std::vector<std::string> writable_formats() {
  std::vector<std::string> names;
  for (const Writer& writer : writers()) names.push_back(writer.name);
  return names;
}

WriteReport write_dataset(const Dataset& dataset, const std::string& format, const std::string& out,
                          const WriteOptions& options) {
  const Writer& writer = writer_named(format);
  fs::path path = out;
  std::error_code ignored;
  if (writer.default_file.empty()) {
    if (fs::exists(path, ignored) && !fs::is_directory(path, ignored)) {
      throw UsageError({.where = "--out",
                        .what = out + " is a file",
                        .expected = "a folder: " + format + " has a file per picture"});
    }
  } else if (lower_extension(path) != lower_extension(writer.default_file) || fs::is_directory(path, ignored)) {
    path /= writer.default_file;
  }
  WriteReport report{.path = path.string(), .losses = losses_of(dataset, writer)};
  report.files = writer.write(dataset, path, options);
  report.pictures = std::ssize(dataset.samples);
  for (const Sample& sample : dataset.samples) report.boxes += std::ssize(sample.annotations);
  return report;
}

std::string to_json(const WriteReport& report, const Dataset& dataset, const std::string& format) {
  nlohmann::ordered_json losses = nlohmann::ordered_json::array();
  for (const Loss& loss : report.losses)
    losses.push_back({{"what", loss.what}, {"count", loss.count}, {"where", loss.where}});
  const nlohmann::ordered_json json = {
      {"from", dataset.format}, {"source", dataset.source},      {"to", format},
      {"path", report.path},    {"files", report.files},         {"pictures", report.pictures},
      {"boxes", report.boxes},  {"classes", dataset.categories}, {"losses", losses}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string picture_name(const Sample& sample, const fs::path& folder, const WriteOptions& options) {
  std::error_code ignored;
  const std::string& written = sample.name.empty() ? sample.path : sample.name;
  if (!sample.name.empty() && !fs::exists(sample.path, ignored)) return written;
  const fs::path base = fs::absolute(options.images.empty() ? folder : fs::path(options.images)).lexically_normal();
  return utf8(fs::absolute(sample.path).lexically_normal().lexically_proximate(base));
}

std::vector<std::string> unique_stems(const Dataset& dataset) {
  std::unordered_map<std::string, int> counts;
  for (const Sample& sample : dataset.samples) ++counts[fs::path(sample.path).stem().string()];
  std::unordered_set<std::string> used;
  std::vector<std::string> stems;
  stems.reserve(dataset.samples.size());
  for (const Sample& sample : dataset.samples) {
    const fs::path path = sample.path;
    std::string stem = path.stem().string();
    if (counts[stem] > 1) stem = path.parent_path().filename().string() + "_" + stem;
    std::string name = stem;
    for (int i = 2; !used.insert(name).second; ++i) name = stem + "-" + std::to_string(i);
    stems.push_back(std::move(name));
  }
  return stems;
}

std::pair<int, int> picture_size(const Sample& sample) {
  if (sample.width > 0 && sample.height > 0) return {sample.width, sample.height};
  const PictureInfo info = probe(sample.path);
  return {info.width, info.height};
}

std::string number_text(double value, const std::string& where) {
  if (!std::isfinite(value)) throw DataError({.where = where, .what = "a number that is not finite"});
  if (std::abs(value) < 1e15 && value == std::floor(value)) return std::to_string(static_cast<std::int64_t>(value));
  return fmt::format("{}", std::abs(value) < 1e9 ? std::round(value * 1e9) / 1e9 : value);
}

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",;\t\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string xml_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) result += c;
    }
  }
  return result;
}

bool has_fitting_outline(const Annotation& annotation) {
  if (!annotation.outline) return false;
  const std::optional<Box> around = bounds(annotation.outline->polygons);
  if (!around) return false;
  const Box& box = annotation.box;
  return std::max({std::abs(box.x - around->x), std::abs(box.y - around->y), std::abs(box.right() - around->right()),
                   std::abs(box.bottom() - around->bottom())}) <= 0.005;
}

void unfitting_outlines(const Dataset& dataset, std::vector<Loss>& losses) {
  for (const Sample& sample : dataset.samples) {
    for (const Annotation& annotation : sample.annotations) {
      if (annotation.outline && !annotation.outline->polygons.empty() && !has_fitting_outline(annotation))
        add_loss(losses, "outlines that do not fill their box (the box is kept)", annotation.where);
    }
  }
}

void add_loss(std::vector<Loss>& losses, const std::string& what, const std::string& where) {
  for (Loss& loss : losses) {
    if (loss.what != what) continue;
    ++loss.count;
    return;
  }
  losses.push_back({what, 1, where});
}

}  // namespace joist
