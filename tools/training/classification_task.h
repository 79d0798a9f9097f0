// Learning to classify pictures.
#pragma once

#include <joist/tools/report/classification_report.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/training_data.h>

#include <functional>
#include <memory>
#include <optional>

namespace joist {

/// `options` are resolved (see resolve()); `part`: what this rank sees of each batch.
std::unique_ptr<TrainingTask> classification_task(ClassificationData data, const TrainOptions& options,
                                                  const ModelEntry& entry, const BatchPart& part = {});

/// Mean cross entropy of a batch; the device is not waited for.
Tensor classification_loss(const Model& model, const Array& pictures, const Array& labels, double label_smoothing = 0);
/// Mean cross entropy of a batch, times `weight` for backward: 1 / batches of a step. Parts: loss. `label_smoothing`:
/// share of each label that is spread over all classes, in [0, 1].
BatchLoss classification_batch_loss(const Model& model, const Array& pictures, const Array& labels, double weight = 1,
                                    double label_smoothing = 0);

/// The same of a part of a batch: nothing is divided yet.
PartLoss classification_part_loss(const Model& model, const Array& pictures, const Array& labels, double weight = 1,
                                  double label_smoothing = 0);

/// Pictures [batch, channel, height, width], normalized -> logits [batch, class].
using ClassifyForward = std::function<Array(const Array& pictures)>;

/// How pictures come to a classifier, as its description says.
LoaderOptions classifier_loading(const ModelDescription& description, std::int64_t batch, int threads);
CropOptions classifier_cropping(const ModelDescription& description);
/// The set with as many channels as the model takes: gray pictures are repeated. Throws DataError where that cannot be
/// done or pictures in memory have another size than the model's.
PictureSet fitted(PictureSet set, const ModelDescription& description, const std::string& where);

/// What the model says of each picture. Nothing when a signal came.
std::optional<ClassificationResults> classify_all(const ClassifiedPictures& pictures,
                                                  const ModelDescription& description, const ClassifyForward& forward,
                                                  std::int64_t batch, int threads);

/// top1, top5 and the share found per class.
Evaluation evaluation_of(const ClassificationResults& results);

/// The same of a model. Nothing when a signal came.
std::optional<Evaluation> evaluate_classifier(const ClassifiedPictures& pictures, const ModelDescription& description,
                                              const ClassifyForward& forward, std::int64_t batch, int threads);

}  // namespace joist
