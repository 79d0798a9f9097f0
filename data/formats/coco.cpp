// COCO JSON: one file for the labels of a whole set.
#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/coco_outline.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/json_records.h>
#include <joist/data/text.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

namespace joist {
namespace {

namespace fs = std::filesystem;

constexpr const char* expected_lists = "a COCO file: {\"images\": […], \"annotations\": […], \"categories\": […]}";

[[noreturn]] void throw_twice(const JsonRecord& record, const std::string& what) {
  throw DataError({.where = record.where(), .what = what + " is there twice", .expected = "each once"});
}

KeypointKind keypoint_kind(const JsonRecord& record) {
  KeypointKind kind{.names = record.texts("keypoints")};
  if (!record.has("skeleton")) return kind;
  for (const auto& line : record.number_lists("skeleton")) {
    if (line.size() != 2 || !(line[0] >= 1) || !(line[1] >= 1) || line[0] > 1e6 || line[1] > 1e6) {
      throw DataError({.where = record.where(),
                       .what = "a line of \"skeleton\" is not a pair of keypoints",
                       .expected = "two numbers from 1"});
    }
    kind.skeleton.emplace_back(static_cast<int>(line[0]), static_cast<int>(line[1]));
  }
  return kind;
}

/// The categories in the order of their ids, and the index of each id.
std::unordered_map<std::int64_t, int> read_categories(const JsonFile& json, Dataset& dataset) {
  std::unordered_map<std::int64_t, std::string> names;
  std::unordered_map<std::int64_t, KeypointKind> kinds;
  std::unordered_set<std::string> distinct;
  json.for_each("categories", expected_lists, [&](const JsonRecord& record) {
    const std::int64_t id = record.integer("id");
    const std::string name(trimmed(record.text("name")));
    if (!names.emplace(id, name).second) throw_twice(record, "category id " + std::to_string(id));
    if (!distinct.insert(name).second) throw_twice(record, "category \"" + name + "\"");
    dataset.category_ids.push_back(id);
    if (record.has("keypoints")) kinds.emplace(id, keypoint_kind(record));
  });
  std::sort(dataset.category_ids.begin(), dataset.category_ids.end());
  std::unordered_map<std::int64_t, int> indices;
  for (const std::int64_t id : dataset.category_ids) {
    indices.emplace(id, static_cast<int>(indices.size()));
    dataset.categories.push_back(names.at(id));
  }
  if (!kinds.empty()) {
    for (const std::int64_t id : dataset.category_ids) dataset.keypoints.push_back(std::move(kinds[id]));
  }
  return indices;
}

std::unordered_map<std::int64_t, std::size_t> read_images(const JsonFile& json, Dataset& dataset, Reading& reading) {
  std::unordered_map<std::int64_t, std::size_t> indices;
  dataset.samples.reserve(json.count("images"));
  json.for_each("images", expected_lists, [&](const JsonRecord& record) {
    reading.attempt("bad label", [&] {
      Sample sample;
      sample.id = record.integer("id");
      sample.path = record.text("file_name");
      sample.width = record.pixels("width");
      sample.height = record.pixels("height");
      sample.where = record.where();
      if (!indices.emplace(sample.id, dataset.samples.size()).second) {
        throw_twice(record, "image id " + std::to_string(sample.id));
      }
      dataset.samples.push_back(std::move(sample));
    });
  });
  return indices;
}

template <typename Map>
auto lookup(const Map& indices, const JsonRecord& record, const char* key, const char* list) {
  const std::int64_t id = record.integer(key);
  const auto found = indices.find(id);
  if (found == indices.end()) {
    throw LabelError(list == std::string_view("categories") ? "unknown class" : "picture missing",
                     {.where = record.where(),
                      .what = "\"" + std::string(key) + "\" " + std::to_string(id) + " is not among the " + list});
  }
  return found->second;
}

/// Large files are not parsed only to tell what they are.
bool claims(const fs::path& path) {
  constexpr std::int64_t small = 1 << 20;
  try {
    std::error_code ignored;
    if (const auto size = fs::file_size(path, ignored); !ignored && size > small) {
      const std::string ends = read_head(path.string(), 1 << 16) + read_tail(path.string(), 1 << 16);
      return (ends.find("\"images\"") != std::string::npos || ends.find("\"annotations\"") != std::string::npos) &&
             ends.find("\"shapes\"") == std::string::npos;
    }
    const JsonFile json(path.string());
    return json.has_list("images") && json.has_list("annotations");
  } catch (const Error&) {
    return false;
  }
}

Labels read(const std::vector<fs::path>& files, Reading& reading) {
  const JsonFile json(files.front().string());
  Labels labels;
  const auto categories = read_categories(json, labels.dataset);
  const auto images = read_images(json, labels.dataset, reading);
  std::int64_t count = 0;
  json.for_each("annotations", expected_lists, [&](const JsonRecord& record) {
    ++count;
    reading.attempt("bad label", [&] {
      Annotation annotation;
      annotation.box = record.box("bbox");
      annotation.category = lookup(categories, record, "category_id", "categories");
      annotation.crowd = record.flag("iscrowd");
      annotation.difficult = record.flag("ignore");
      annotation.area = record.has("area") ? record.number("area") : annotation.box.area();
      annotation.id = record.has("id") ? record.integer("id") : count;
      annotation.outline = outline_of(record);
      annotation.where = record.where();
      for (const std::string& key : record.true_keys("attributes")) {  // as CVAT writes them
        annotation.occluded = annotation.occluded || key == "occluded";
        annotation.truncated = annotation.truncated || key == "truncated";
      }
      labels.dataset.samples[lookup(images, record, "image_id", "images")].annotations.push_back(std::move(annotation));
    });
  });
  return labels;
}

}  // namespace

Format coco_format() {
  return {.name = "COCO JSON", .extensions = ".json", .is_per_picture = false, .claims = &claims, .read = &read};
}

}  // namespace joist
