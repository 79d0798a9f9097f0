// The COCO box evaluation: the numbers of pycocotools' COCOeval with iouType "bbox", to the last tie.
//
//   const CocoResult result = evaluate(read_coco_truth("val.json"), read_coco_detections("results.json"));
//   fmt::print("AP {:.3f}  AP50 {:.3f}\n", result.AP, result.AP50);
#pragma once

#include <joist/data/dataset.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// One true object.
struct CocoObject {
  std::int64_t id = 0;  ///< as in COCOeval, a match with the object of id 0 does not count
  std::int64_t image_id = 0;
  std::int64_t category_id = 0;
  Box box{};
  double area = 0;      ///< decides small, medium, large; COCO gives the outline's area, not the box's
  bool crowd = false;   ///< any number of detections may match it, and none of them counts
  bool ignore = false;  ///< neither a hit nor a miss
};

/// The truth to compare with. Objects of other images or categories than those listed play no part.
struct CocoTruth {
  struct Category {
    std::int64_t id = 0;
    std::string name{};
  };
  std::vector<std::int64_t> image_ids{};
  std::vector<Category> categories{};
  std::vector<CocoObject> objects{};
};

/// One predicted box.
struct Detection {
  std::int64_t image_id = 0;
  std::int64_t category_id = 0;
  Box box{};
  double score = 0;
};

/// The twelve numbers, each 0..1 or -1 where there is no truth to measure against, and what they are made of.
struct CocoResult {
  double AP = -1;  ///< mean over IoU 0.50:0.05:0.95, at most 100 detections per image, as all but AR1 and AR10
  double AP50 = -1;
  double AP75 = -1;
  double APsmall = -1;   ///< area up to 32²
  double APmedium = -1;  ///< 32² to 96²
  double APlarge = -1;
  double AR1 = -1;  ///< recall with one detection per image
  double AR10 = -1;
  double AR100 = -1;
  double ARsmall = -1;
  double ARmedium = -1;
  double ARlarge = -1;

  /// One class, at most 100 detections per image; all areas but for the three that say otherwise.
  struct Category {
    std::int64_t id = 0;
    std::string name{};
    double AP = -1;
    double AP50 = -1;
    double AP75 = -1;
    double APsmall = -1;
    double APmedium = -1;
    double APlarge = -1;
    double AR100 = -1;
    std::int64_t truths = 0;  ///< objects that count
    /// Precision at IoU 0.5 for the recalls 0, 0.01, …, 1, and the score reached there; empty without truth.
    std::vector<double> precision50{};
    std::vector<double> score50{};
  };
  std::vector<Category> per_class{};  ///< in the order of the ids
};

/// Evaluates `detections`. Boxes with equal scores keep their order. Throws DataError for a detection in an image that
/// is not in the truth, or with a score or box that is not finite.
CocoResult evaluate(const CocoTruth& truth, const std::vector<Detection>& detections);

/// The names and values of the twelve numbers, in COCO's order.
std::array<std::pair<std::string, double>, 12> twelve(const CocoResult& result);

/// The truth in a data set.
CocoTruth coco_truth(const Dataset& dataset);

/// Reads a COCO annotation file; its pictures need not be there. COCOeval overwrites the key "ignore" by "iscrowd", and
/// so it is not read unless `with_ignore` asks for it. Throws DataError with the index of the record.
CocoTruth read_coco_truth(const std::string& path, bool with_ignore = false);

/// Reads a COCO results file: [{"image_id", "category_id", "bbox": [x, y, width, height], "score"}, …]. Throws
/// DataError.
std::vector<Detection> read_coco_detections(const std::string& path);

/// Writes such a file in one step. Throws EnvironmentError.
void write_coco_detections(const std::string& path, const std::vector<Detection>& detections);

}  // namespace joist
