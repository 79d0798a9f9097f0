#include <joist/data/loader.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/interrupt.h>

#include <nlohmann/json.hpp>

namespace joist {

std::optional<std::vector<Detection>> detect_all(const Dataset& dataset, const DetectForward& forward,
                                                 std::int64_t size, std::int64_t batch, int threads,
                                                 const SuppressOptions& options) {
  DetectionLoader loader(
      dataset, in_order({.batch = static_cast<int>(batch), .size = static_cast<int>(size), .threads = threads}));
  loader.start(0);
  std::vector<Detection> found;
  while (const DetectionBatch* pictures = loader.next()) {
    if (interrupted() != 0) return std::nullopt;
    const auto boxes = suppress(forward(pictures->pictures), options);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const Sample& sample = dataset.samples[pictures->samples[i]];
      for (const DetectedBox& box : boxes[i]) {
        const auto category = static_cast<std::size_t>(box.category);
        found.push_back(
            {.image_id = sample.id,
             .category_id = dataset.category_ids[category],
             .box = pictures->letterboxes[i].outside({box.x1, box.y1, box.x2, box.y2, static_cast<int>(box.category)}),
             .score = static_cast<double>(box.score)});
      }
    }
  }
  return found;
}

std::string coco_json(const CocoResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : twelve(result)) json[name] = value;
  json["per_class"] = nlohmann::ordered_json::array();
  for (const CocoResult::Category& category : result.per_class)
    json["per_class"].push_back({{"name", category.name},
                                 {"AP", category.AP},
                                 {"AP50", category.AP50},
                                 {"AR100", category.AR100},
                                 {"truths", category.truths}});
  return json.dump();
}

}  // namespace joist
