// Labels that a model disagrees with, so that a person looks at those first. After the idea of ObjectLab (Tkachenko,
// Thyagarajan, Mueller, "ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection Data", 2023):
// overlooked, swapped and badly located boxes; the scores here are our own.
#pragma once

#include <joist/data/metrics/detection_errors.h>

#include <cstdint>
#include <vector>

namespace joist {

enum class LabelDoubt : std::uint8_t {
  overlooked,  ///< a sure detection where no label is: is a label missing?
  swapped,     ///< a sure detection of another class on the same object: is the class wrong?
  misplaced,   ///< a sure detection of the class that fits the box badly: is the box off?
  unseen       ///< a label where the model sees nothing: is the object there?
};
const char* name_of(LabelDoubt kind);

struct DoubtfulLabel {
  LabelDoubt kind = LabelDoubt::overlooked;
  double doubt = 0;  ///< 0..1, a ranking and no probability
  std::int64_t image_id = 0;
  std::size_t object = nothing;     ///< index of the label, if there is one
  std::size_t detection = nothing;  ///< index of the detection, if there is one
};

/// The largest doubts first, those of at least `least`. A label that the model does not see counts less in classes of
/// which it misses much. A model that was trained on these labels agrees with many wrong ones: better one that was not.
std::vector<DoubtfulLabel> doubtful_labels(const CocoTruth& truth, const std::vector<Detection>& detections,
                                           const ErrorAnalysis& errors, double least = 0.3);

}  // namespace joist
