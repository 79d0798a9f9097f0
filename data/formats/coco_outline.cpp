#include <joist/data/formats/coco_outline.h>
#include <joist/data/formats/format.h>

#include <algorithm>

namespace joist {
namespace {

RunLengths run_lengths(const JsonRecord& record) {
  RunLengths mask;
  const std::vector<double> size = record.numbers("size");
  const auto side = [&](std::size_t i) { return i < size.size() ? size[i] : -1; };
  if (size.size() != 2 || !(side(0) >= 0) || !(side(1) >= 0) || side(0) > 1e6 || side(1) > 1e6) {
    throw DataError({.where = record.where(), .what = "\"size\" of a mask", .expected = "[height, width]"});
  }
  mask.height = static_cast<int>(side(0));
  mask.width = static_cast<int>(side(1));
  const double pixels = side(0) * side(1);
  double covered = 0;
  if (record.is_list("counts")) {
    for (const double count : record.numbers("counts")) {
      if (!(count >= 0) || count > pixels) covered = pixels + 1;
      covered += count;
      if (covered > pixels) break;
      mask.counts.push_back(static_cast<std::uint32_t>(count));
    }
  } else {
    const auto counts = runs_from_text(record.text("counts"), static_cast<std::size_t>(pixels) + 2);
    if (!counts) {
      throw DataError({.where = record.where(), .what = "\"counts\" is not a mask", .expected = "COCO's run lengths"});
    }
    mask.counts = *counts;
    mask.is_compressed = true;
    for (const std::uint32_t count : mask.counts) covered += count;
  }
  if (covered != pixels) {
    throw DataError({.where = record.where(),
                     .what = "the runs of a mask do not cover its " + std::to_string(mask.width) + "×" +
                             std::to_string(mask.height) + " pixels"});
  }
  return mask;
}

void read_keypoints(const JsonRecord& record, Outline& outline) {
  const std::vector<double> values = record.numbers("keypoints");
  if (values.size() % 3 != 0) {
    throw LabelError("bad label", {.where = record.where(),
                                   .what = "\"keypoints\" has " + std::to_string(values.size()) + " numbers",
                                   .expected = "x, y and visibility of each"});
  }
  for (std::size_t i = 0; i < values.size(); i += 3) {
    if (!(values[i + 2] >= 0) || values[i + 2] > 2) {
      throw LabelError("bad label", {.where = record.where(),
                                     .what = "a keypoint's visibility is " + std::to_string(values[i + 2]),
                                     .expected = "0, 1 or 2"});
    }
    outline.keypoints.push_back({values[i], values[i + 1], static_cast<int>(values[i + 2])});
  }
}

}  // namespace

std::shared_ptr<const Outline> outline_of(const JsonRecord& record) {
  Outline outline;
  if (record.is_list("segmentation")) {
    outline.polygons = record.number_lists("segmentation");
    std::erase_if(outline.polygons, [](const auto& polygon) { return polygon.empty(); });
    for (const auto& polygon : outline.polygons) {
      if (polygon.size() % 2 == 0 && polygon.size() >= 6) continue;
      throw LabelError("bad outline", {.where = record.where(),
                                       .what = "a polygon of " + std::to_string(polygon.size()) + " numbers",
                                       .expected = "x and y of at least three points"});
    }
  } else if (record.is_object("segmentation")) {
    record.with("segmentation", [&](const JsonRecord& mask) { outline.mask = run_lengths(mask); });
  }
  if (record.is_list("keypoints")) read_keypoints(record, outline);
  if (outline == Outline{}) return nullptr;
  return std::make_shared<const Outline>(std::move(outline));
}

}  // namespace joist
