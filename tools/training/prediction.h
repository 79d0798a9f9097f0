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

/// Boxes on all pictures, nothing when a signal came. The same pictures, thresholds and model give the same boxes
/// whatever `batch` and `threads` are. `mirror`: mirror images are looked at too.
std::optional<std::vector<Detection>> predict(const Model& model, const ModelDescription& description,
                                              const Dataset& pictures, const SuppressOptions& options,
                                              std::int64_t batch = 8, int threads = 1, bool mirror = false);

/// COCO results list; each entry also names its file and class.
std::string predictions_json(const Dataset& pictures, const std::vector<Detection>& found);

}  // namespace joist
