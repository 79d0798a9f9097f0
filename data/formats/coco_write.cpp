#include <joist/data/files.h>
#include <joist/data/write.h>

#include <filesystem>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Whole numbers without ".0": shorter, and as other tools write them.
Json number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

}  // namespace

void write_coco(const Dataset& dataset, const std::string& path) {
  Json images = Json::array();
  Json annotations = Json::array();
  Json categories = Json::array();
  const fs::path folder = fs::absolute(path).parent_path().lexically_normal();
  for (const Sample& sample : dataset.samples) {
    const std::string name = utf8(fs::absolute(sample.path).lexically_normal().lexically_proximate(folder));
    images.push_back({{"id", sample.id}, {"file_name", name}, {"width", sample.width}, {"height", sample.height}});
    for (const Annotation& annotation : sample.annotations) {
      const Box& box = annotation.box;
      Json entry = {{"id", annotation.id},
                    {"image_id", sample.id},
                    {"category_id", dataset.category_ids[static_cast<std::size_t>(annotation.category)]},
                    {"bbox", {number(box.x), number(box.y), number(box.width), number(box.height)}},
                    {"area", number(annotation.area)},
                    {"iscrowd", annotation.crowd ? 1 : 0}};
      if (annotation.difficult) entry["ignore"] = 1;
      annotations.push_back(std::move(entry));
    }
  }
  for (std::size_t c = 0; c < dataset.categories.size(); ++c) {
    categories.push_back({{"id", dataset.category_ids[c]}, {"name", dataset.categories[c]}});
  }
  const Json json = {
      {"images", std::move(images)}, {"annotations", std::move(annotations)}, {"categories", std::move(categories)}};
  write_bytes(path, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace joist
