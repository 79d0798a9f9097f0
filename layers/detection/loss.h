// The detector's loss: complete IoU for boxes, distribution focal loss for their distances, binary cross entropy for
// classes.
#pragma once

#include <joist/layers/detection/assign.h>

#include <vector>

namespace joist {

struct DetectionLossOptions {
  double box = 7.5, distribution = 1.5, classification = 0.5;  ///< gains
  AssignOptions assign{};
  /// Factor of each class's positive part of the classification term, so that rare classes are not drowned; empty: 1.
  std::vector<float> class_weights{};
};

/// All three terms share one count: the sum of the target scores of the batch, at least 1.
struct DetectionLoss {
  Tensor sum{};  ///< weighted sum of the terms, before division by count
  double count = 1;
  double total = 0;  ///< the sum of the target scores: what counts add up from where ranks share a batch
  double box = 0, distribution = 0, classification = 0;  ///< each term divided by count, for the log
  std::int64_t positives = 0;                            ///< anchors that learn an object
  double mean_overlap = 0;                               ///< complete IoU of those anchors
};

/// Throws ShapeError, DtypeError or DataError where these do not belong together. Detectors without anchor boxes only.
void require_truth(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth);
/// DetectionLossOptions::class_weights as [1, 1, class]. Throws UsageError where they are not one per class.
Tensor class_weight_tensor(const std::vector<float>& weights, std::int64_t classes, Device device);
/// The classification term, summed. `weights`: class_weight_tensor(), or undefined.
Tensor detection_class_sum(const Tensor& logits, const Tensor& scores, const Tensor& weights);

/// truth: one list per picture of the batch, in input pixels. Detectors with anchor boxes have their own loss: see
/// anchor_loss.
DetectionLoss detection_loss(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                             const DetectionLossOptions& options = {});

}  // namespace joist
