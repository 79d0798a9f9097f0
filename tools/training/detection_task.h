// Learning to detect objects.
#pragma once

#include <joist/layers/detection/loss.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/training_data.h>

#include <memory>

namespace joist {

/// `options` are resolved (see resolve()).
/// `part`: what this rank sees of each batch.
std::unique_ptr<TrainingTask> detection_task(DetectionData data, const TrainOptions& options, const ModelEntry& entry,
                                             const BatchPart& part = {});

/// The loss of one batch as the optimizer shall see it: the mean over the targets times `weight`, the number of
/// pictures by the usual convention of detectors, for which their rates and clipping were chosen. Parts: box, class,
/// distance.
BatchLoss detection_batch_loss(const Model& model, const Array& pictures,
                               const std::vector<std::vector<TrueBox>>& truth, double weight,
                               const DetectionLossOptions& options = {});

/// The same of a part of a batch whose pictures are `weight` in all: nothing is divided yet.
PartLoss detection_part_loss(const Model& model, const Array& pictures, const std::vector<std::vector<TrueBox>>& truth,
                             double weight, const DetectionLossOptions& options = {});

}  // namespace joist
