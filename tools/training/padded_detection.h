// Detectors' losses on a GPU, which the host gives its work without waiting for what it finds: layers/detection/
// padded_loss.h for batches of a training.
#pragma once

#include <joist/layers/detection/padded_loss.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/task.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace joist {

class PaddedDetection {
 public:
  /// The model must outlive it.
  PaddedDetection(const Model& model, DetectionLossOptions options) : model_(model), options_(std::move(options)) {}

  /// Brings the objects of a batch to the model's device. Their places grow to what a picture needs, and never shrink.
  void place(const std::vector<std::vector<TrueBox>>& truth);
  /// Where they are, the same arrays for every batch of one size as long as its pictures have no more objects.
  std::vector<Array> placed() const { return {truth_.boxes, truth_.categories, numbers_}; }
  /// detection_batch_loss() of these pictures with those objects. The device is asked for nothing, but by detectors
  /// with anchor boxes, whose objects are matched on the host.
  Tensor loss(const Array& pictures, double weight);
  /// What detection_batch_loss() tells beside it, once the device has computed it.
  BatchLoss told(const Tensor& loss) const;

 private:
  const Model& model_;
  DetectionLossOptions options_;
  std::int64_t places_ = 8;
  std::vector<std::vector<TrueBox>> objects_{};
  PaddedTruth truth_{};
  Array numbers_{};  // PaddedDetectionLoss::numbers
  std::optional<PaddedLoss> loss_{};
  std::optional<BatchLoss> by_host_{};
};

}  // namespace joist
