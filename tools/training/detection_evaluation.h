// The twelve COCO numbers of a detector on a data set.
#pragma once

#include <joist/core/tensor.h>
#include <joist/data/dataset.h>
#include <joist/data/metrics/coco.h>
#include <joist/data/tile.h>
#include <joist/layers/detection/suppress.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// Pictures [batch, 3, size, size] -> decoded boxes [batch, 4 + classes, anchor]: a model, or an exported graph.
using DetectForward = std::function<Array(const Array& pictures)>;

/// Thresholds under which COCO numbers are measured.
inline SuppressOptions evaluation_thresholds() { return {.confidence = 0.001, .several_classes = true}; }

/// Boxes on all pictures of a data set, in the pictures' own pixels and with the data set's own ids. With `tiles`,
/// pictures are cut as for a training with such tiles, and what is found on them is brought together. Nothing when a
/// signal came.
std::optional<std::vector<Detection>> detect_all(const Dataset& dataset, const DetectForward& forward,
                                                 std::int64_t size, std::int64_t batch, int threads,
                                                 const SuppressOptions& options,
                                                 const std::optional<TileOptions>& tiles = std::nullopt);

/// What `forward` finds on pictures and on their mirror images, together: test-time augmentation, for twice the time.
DetectForward with_mirror_image(DetectForward forward);

/// {"AP": …, twelve numbers, "per_class": [{"name", "AP", "AP50", "AR100", "truths"}]}; -1 where there is nothing to
/// measure.
std::string coco_json(const CocoResult& result);

}  // namespace joist
