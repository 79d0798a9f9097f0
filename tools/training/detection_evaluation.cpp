#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/data/loader.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/tiled_detections.h>

#include <utility>

#include <nlohmann/json.hpp>

namespace joist {

namespace {

// Calls add(index of the sample, detection in its pixels); false when a signal came.
template <class Add>
bool detect_on(DetectionLoader& loader, const Dataset& dataset, const DetectForward& forward,
               const SuppressOptions& options, const Add& add) {
  loader.start(0);
  while (const DetectionBatch* pictures = loader.next()) {
    if (interrupted() != 0) return false;
    const auto boxes = suppress(forward(pictures->pictures), options);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const std::size_t sample = pictures->samples[i];
      for (const DetectedBox& box : boxes[i]) {
        const auto category = static_cast<std::size_t>(box.category);
        add(sample, Detection{.image_id = dataset.samples[sample].id,
                              .category_id = dataset.category_ids[category],
                              .box = pictures->letterboxes[i].outside(
                                  {box.x1, box.y1, box.x2, box.y2, static_cast<int>(box.category)}),
                              .score = static_cast<double>(box.score)});
      }
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<Detection>> detect_all(const Dataset& dataset, const DetectForward& forward,
                                                 std::int64_t size, std::int64_t batch, int threads,
                                                 const SuppressOptions& options,
                                                 const std::optional<TileOptions>& tiles) {
  LoaderOptions loading =
      in_order({.batch = static_cast<int>(batch), .size = static_cast<int>(size), .threads = threads});
  if (!tiles) {
    DetectionLoader loader(dataset, loading);
    std::vector<Detection> found;
    const auto add = [&](std::size_t, const Detection& one) { found.push_back(one); };
    return detect_on(loader, dataset, forward, options, add) ? std::optional(std::move(found)) : std::nullopt;
  }
  TileOptions all = *tiles;
  all.keep_empty = true;  // truth must not choose where to look
  const TiledDataset views = tile_views(dataset, all);
  loading.cache_bytes = 0;  // one pass
  DetectionLoader loader(views, loading);
  std::vector<TileDetection> found;
  const auto add = [&](std::size_t sample, Detection one) {
    one.box.x += views.windows[sample].x;
    one.box.y += views.windows[sample].y;
    found.push_back({one, sample});
  };
  if (!detect_on(loader, views.dataset, forward, options, add)) return std::nullopt;
  return merge_tiles(std::move(found), views, dataset);
}

DetectForward with_mirror_image(DetectForward forward) {
  return [forward = std::move(forward)](const Array& pictures) {
    const Inference inference;
    const Tensor plain(forward(pictures));
    // [batch, 4 + classes, anchor] of the mirror images; x1 and x2 change places.
    const Tensor mirrored(forward(flip(Tensor(pictures), {3}).value()));
    const auto rows = [&](std::int64_t first, std::int64_t count) { return narrow(mirrored, 1, first, count); };
    const auto width = static_cast<double>(pictures.shape(3));
    const Tensor back = concat({width - rows(2, 1), rows(1, 1), width - rows(0, 1), rows(3, mirrored.shape(1) - 3)}, 1);
    return concat({plain, back}, 2).value();
  };
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
