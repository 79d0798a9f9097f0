// YOLO: labels/ with a text file per picture, images/ with the pictures, data.yaml. A file is all boxes or all
// polygons, as its readers want it: beside an outline, plain boxes are written as their four corners.
#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/data/files.h>
#include <joist/data/formats/writer.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

std::vector<double> corners(const Box& box) {
  return {box.x, box.y, box.right(), box.y, box.right(), box.bottom(), box.x, box.bottom()};
}

/// The number of keypoints that all objects with keypoints have; 0 where they differ or there are none, or where more
/// objects have an outline, beside which a line has no place for them.
std::size_t keypoints_of(const Dataset& dataset) {
  std::size_t count = 0;
  std::int64_t with_keypoints = 0;
  std::int64_t with_outline = 0;
  for (const Sample& sample : dataset.samples) {
    for (const Annotation& annotation : sample.annotations) {
      with_outline += has_fitting_outline(annotation) ? 1 : 0;
      const std::size_t own = annotation.outline ? annotation.outline->keypoints.size() : 0;
      if (own == 0) continue;
      ++with_keypoints;
      if (count != 0 && own != count) return 0;
      count = own;
    }
  }
  return with_outline > with_keypoints ? 0 : count;
}

std::string share(double value, int side, const std::string& where) {
  return number_text(std::round(value / side * 1e9) / 1e9, where);
}

std::string box_line(const Annotation& annotation, int width, int height) {
  const Box& box = annotation.box;
  const std::string& where = annotation.where;
  return fmt::format("{} {} {} {} {}", annotation.category, share(box.x + box.width / 2, width, where),
                     share(box.y + box.height / 2, height, where), share(box.width, width, where),
                     share(box.height, height, where));
}

std::string label_text(const Sample& sample, std::size_t keypoints) {
  if (sample.annotations.empty()) return "";
  const auto [width, height] = picture_size(sample);
  const bool with_polygons =
      keypoints == 0 && std::any_of(sample.annotations.begin(), sample.annotations.end(), has_fitting_outline);
  std::string text;
  for (const Annotation& annotation : sample.annotations) {
    if (!with_polygons) {
      text += box_line(annotation, width, height);
      for (std::size_t i = 0; i < keypoints; ++i) {
        const bool has_own = annotation.outline && i < annotation.outline->keypoints.size();
        const Keypoint point = has_own ? annotation.outline->keypoints[i] : Keypoint{};
        text += fmt::format(" {} {} {}", share(point.x, width, annotation.where),
                            share(point.y, height, annotation.where), point.visibility);
      }
      text += '\n';
      continue;
    }
    const std::vector<double> points =
        has_fitting_outline(annotation) ? joined(annotation.outline->polygons) : corners(annotation.box);
    text += std::to_string(annotation.category);
    for (std::size_t i = 0; i < points.size(); ++i)
      text += " " + share(points[i], i % 2 == 0 ? width : height, annotation.where);
    text += '\n';
  }
  return text;
}

/// A second name of the same file where the file system can, else a copy.
void place_picture(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return;
  if (fs::equivalent(from, to, error)) return;
  ensure_folder(to.parent_path());
  fs::remove(to, error);
  fs::create_hard_link(fs::canonical(from), to, error);
  if (error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) {
    throw EnvironmentError({.where = to.string(),
                            .what = "the picture cannot be written: " + error.message(),
                            .remedy = "free some space, or write labels only"});
  }
}

std::string yaml_text(const std::string& name) {
  return json_text(name);  // a JSON text is a YAML text
}

std::int64_t write(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  const std::vector<std::string> stems = unique_stems(dataset);
  const std::size_t keypoints = keypoints_of(dataset);
  std::set<std::string> splits;
  for (const Sample& sample : dataset.samples) splits.insert(sample.split);
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    write_bytes((out / "labels" / sample.split / (stems[i] + ".txt")).string(), label_text(sample, keypoints));
    if (options.with_pictures)
      place_picture(sample.path,
                    out / "images" / sample.split / (stems[i] + fs::path(sample.path).extension().string()));
  }
  const auto folder = [](const std::string& split) {
    return split.empty() ? std::string("images") : "images/" + split;
  };
  const bool is_split = splits.contains("train");
  std::string text =
      "path: .\ntrain: " + (is_split ? folder("train") : folder(splits.empty() ? "" : *splits.begin())) + "\n";
  text += "val: " +
          folder(splits.contains("val") ? "val"
                 : is_split             ? "train"
                 : splits.empty()       ? ""
                                        : *splits.begin()) +
          "\n";
  if (splits.contains("test")) text += "test: images/test\n";
  text += fmt::format("nc: {}\n", dataset.categories.size());
  if (keypoints > 0) text += fmt::format("kpt_shape: [{}, 3]\n", keypoints);
  text += "names:\n";
  for (std::size_t c = 0; c < dataset.categories.size(); ++c)
    text += fmt::format("  {}: {}\n", c, yaml_text(dataset.categories[c]));
  write_bytes((out / "data.yaml").string(), text);
  return std::ssize(dataset.samples) + 1;
}

void own_losses(const Dataset& dataset, std::vector<Loss>& losses) {
  const std::size_t keypoints = keypoints_of(dataset);
  for (const Sample& sample : dataset.samples) {
    for (const Annotation& annotation : sample.annotations) {
      if (!annotation.outline) continue;
      if (keypoints > 0 && !annotation.outline->polygons.empty())
        add_loss(losses, "outlines beside keypoints", annotation.where);
      if (keypoints == 0 && !annotation.outline->keypoints.empty())
        add_loss(losses, "keypoints (beside outlines, or of different numbers)", annotation.where);
    }
  }
  if (keypoints == 0) unfitting_outlines(dataset, losses);
  if (keypoints == 0) return;
  for (const KeypointKind& kind : dataset.keypoints) {
    if (!kind.names.empty()) add_loss(losses, "names and skeletons of keypoints", dataset.source);
  }
}

}  // namespace

Writer yolo_writer() {
  return {.name = "yolo",
          .default_file = "",
          .holds = {.polygons = true,
                    .keypoints = true,
                    .empty_pictures = true,
                    .unused_classes = true,
                    .class_order = true,
                    .splits = true},
          .write = &write,
          .losses = &own_losses};
}

}  // namespace joist
