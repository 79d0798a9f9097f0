// A trained detector on pictures without labels.
#pragma once

#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/detection_evaluation.h>

#include <optional>
#include <string>
#include <vector>

namespace joist {

/// The pictures at a path: one file, or a folder with what lies below it (JPEG, PNG, WebP by name), sorted. Ids count
/// from 1; the classes are the model's. Throws DataError when there is none.
Dataset pictures_at(const std::string& source, const ModelDescription& model);

/// Whether a path is a picture by its name, or a folder with nothing but such below it: no labels.
bool holds_only_pictures(const std::string& path);

/// Boxes on all pictures, nothing when a signal came. The same pictures, thresholds and model give the same boxes
/// whatever `batch` and `threads` are. `mirror`: mirror images are looked at too.
std::optional<std::vector<Detection>> predict(const Model& model, const ModelDescription& description,
                                              const Dataset& pictures, const SuppressOptions& options,
                                              std::int64_t batch = 8, int threads = 1, bool mirror = false);

/// The pictures with what was found as their labels, so that a person corrects instead of drawing. Ids count from 1.
Dataset labelled(const Dataset& pictures, const std::vector<Detection>& found);

/// How unsure the model is about a picture.
struct PictureDoubt {
  std::size_t sample = 0;
  double mistakes = 0;      ///< expected number of them if scores were probabilities: the sum of min(score, 1 - score)
  std::int64_t boxes = 0;   ///< with at least `confidence`
  std::int64_t unsure = 0;  ///< with a score from 0.2 to 0.8, found with the lowest confidence
};

/// The pictures whose labelling would teach the model most come first. `found` also holds boxes of low confidence.
std::vector<PictureDoubt> ranked_by_doubt(const Dataset& pictures, const std::vector<Detection>& found,
                                          double confidence);

/// [{"file_name", "expected_mistakes", "boxes", "unsure"}], in this order.
std::string doubts_json(const Dataset& pictures, const std::vector<PictureDoubt>& doubts);

/// COCO results list; each entry also names its file and class.
std::string predictions_json(const Dataset& pictures, const std::vector<Detection>& found);

}  // namespace joist
