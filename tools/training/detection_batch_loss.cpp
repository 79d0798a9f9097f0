// The losses of detectors as the optimizer shall see them: of whole batches and of parts.
#include <joist/core/ops.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/padded_detection.h>

namespace joist {

BatchLoss detection_batch_loss(const Model& model, const Array& pictures,
                               const std::vector<std::vector<TrueBox>>& truth, double weight,
                               const DetectionLossOptions& options) {
  if (!model.device().on_host()) {
    PaddedDetection padded(model, options);
    padded.place(truth);
    return padded.told(padded.loss(pictures, weight));
  }
  const DetectionLoss loss = detection_loss(model.detect(Tensor(pictures)), truth, options);
  std::int64_t objects = 0;
  for (const auto& boxes : truth) objects += static_cast<std::int64_t>(boxes.size());
  return {.loss = loss.sum * (weight / loss.count),
          .parts = {loss.box, loss.classification, loss.distribution},
          .objects = objects,
          .positives = loss.positives,
          .overlap = loss.mean_overlap};
}

PartLoss detection_part_loss(const Model& model, const Array& pictures, const std::vector<std::vector<TrueBox>>& truth,
                             double weight, const DetectionLossOptions& options) {
  const Detections predicted = model.detect(Tensor(pictures));
  DetectionLoss loss = detection_loss(predicted, truth, options);
  // Without an object the boxes are not part of the loss; but every rank has to go through all layers.
  if (loss.positives == 0) loss.sum = loss.sum + sum(predicted.box_logits) * 0.0;
  PartLoss part{.sum = loss.sum,
                .count = loss.total,
                .weight = weight,
                .parts = {loss.box * loss.count, loss.classification * loss.count, loss.distribution * loss.count},
                .positives = loss.positives,
                .overlap = loss.mean_overlap * static_cast<double>(loss.positives)};
  for (const auto& boxes : truth) part.objects += static_cast<std::int64_t>(boxes.size());
  return part;
}

}  // namespace joist
