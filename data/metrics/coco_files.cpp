#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/json_records.h>
#include <joist/data/metrics/coco.h>

#include <unordered_set>

#include <nlohmann/json.hpp>

namespace joist {

CocoTruth read_coco_truth(const std::string& path, bool with_ignore) {
  constexpr const char* expected = "a COCO file: {\"images\": […], \"annotations\": […], \"categories\": […]}";
  const JsonFile json(path);
  CocoTruth truth;
  json.for_each("images", expected, [&](const JsonRecord& record) { truth.image_ids.push_back(record.integer("id")); });
  json.for_each("categories", expected, [&](const JsonRecord& record) {
    truth.categories.push_back({.id = record.integer("id"), .name = record.has("name") ? record.text("name") : ""});
  });
  std::unordered_set<std::int64_t> ids;
  json.for_each("annotations", expected, [&](const JsonRecord& record) {
    CocoObject object;
    object.id = record.has("id") ? record.integer("id") : static_cast<std::int64_t>(truth.objects.size()) + 1;
    object.image_id = record.integer("image_id");
    object.category_id = record.integer("category_id");
    object.box = record.box("bbox");
    object.area = record.has("area") ? record.number("area") : object.box.area();
    object.crowd = record.flag("iscrowd");
    object.ignore = with_ignore && record.flag("ignore");
    if (!ids.insert(object.id).second) {
      throw DataError({.where = record.where(),
                       .what = "annotation id " + std::to_string(object.id) + " is there twice",
                       .remedy = "number the annotations anew; pycocotools would lose all but the last of them"});
    }
    truth.objects.push_back(object);
  });
  return truth;
}

std::vector<Detection> read_coco_detections(const std::string& path) {
  const JsonFile json(path);
  std::vector<Detection> detections;
  json.for_each("", "COCO results: [{\"image_id\", \"category_id\", \"bbox\", \"score\"}, …]",
                [&](const JsonRecord& record) {
                  detections.push_back({.image_id = record.integer("image_id"),
                                        .category_id = record.integer("category_id"),
                                        .box = record.box("bbox"),
                                        .score = record.number("score")});
                });
  return detections;
}

void write_coco_detections(const std::string& path, const std::vector<Detection>& detections) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Detection& detection : detections) {
    const Box& box = detection.box;
    list.push_back({{"image_id", detection.image_id},
                    {"category_id", detection.category_id},
                    {"bbox", {box.x, box.y, box.width, box.height}},
                    {"score", detection.score}});
  }
  write_bytes(path, list.dump());
}

}  // namespace joist
