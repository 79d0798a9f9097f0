// The detector's loss on a device that the host does not wait for: every picture has the same number of places for
// objects, every anchor takes part, and who learns what is decided by operations on whole arrays. So shapes follow from
// the batch alone, and a step can be recorded (core/capture.h).
#pragma once

#include <joist/layers/detection/loss.h>

#include <cstdint>
#include <span>
#include <vector>

namespace joist {

/// The objects of a batch; places where there is none are at the end of a picture's.
struct PaddedTruth {
  Array boxes{};       ///< [batch, place, 4]: x1, y1, x2, y2 in input pixels
  Array categories{};  ///< [batch, place] int64; -1: there is none
};
/// On the host. Throws UsageError where a picture has more objects than places.
PaddedTruth padded(std::span<const std::vector<TrueBox>> truth, std::int64_t places);

struct PaddedDetectionLoss {
  Tensor sum{};    ///< as DetectionLoss::sum
  Tensor count{};  ///< as DetectionLoss::count, one number without a gradient
  /// [4 + 1]: the terms box, classification and distribution divided by count, then positives and mean_overlap, as in
  /// DetectionLoss.
  Array numbers{};
  static constexpr std::int64_t box = 0, classification = 1, distribution = 2, positives = 3, overlap = 4, all = 5;
};

/// detection_loss() up to rounding, also in the choice between anchors that fit an object equally well.
class PaddedLoss {
 public:
  /// For predictions of this device, anchors and bins; `places` of each picture. Constants are brought to the device
  /// here.
  PaddedLoss(const Detections& predicted, std::int64_t places, const DetectionLossOptions& options);

  /// Whether it was made for such predictions.
  bool fits(const Detections& predicted, std::int64_t places) const;
  /// `truth` on the device of the predictions, its categories below their number of classes. Asks the device for
  /// nothing.
  PaddedDetectionLoss compute(const Detections& predicted, const PaddedTruth& truth) const;

 private:
  struct Targets {
    Tensor weights{};    // [batch, anchor]: the target score, 0 where nothing is learnt
    Tensor scores{};     // [batch, anchor, class]
    Tensor boxes{};      // [batch, anchor, 4] in strides; a cell around the anchor where nothing is learnt
    Tensor positives{};  // [batch, anchor]: 1 where something is learnt
  };
  struct Fit;
  Fit fit(const Tensor& distances, const Tensor& class_logits, const PaddedTruth& truth) const;
  Targets targets(const Tensor& distances, const Tensor& class_logits, const PaddedTruth& truth) const;

  DetectionLossOptions options_;
  std::vector<Detections::Anchor> anchors_;
  std::int64_t bins_, places_, classes_;
  Tensor bins_values_{};     // [bins]: 0, 1, …
  Tensor strides_{};         // [1, anchor, 1]
  Tensor x_{}, y_{};         // [1, 1, anchor] in pixels
  Tensor centres_{};         // [1, anchor, 4]: x, y, x, y in strides
  Tensor cells_{};           // [1, anchor, 4]: a box of two strides around each
  Tensor outwards_{};        // [1, 1, 4]: -1, -1, 1, 1
  Tensor anchor_numbers_{};  // [1, 1, anchor] int64
  Tensor place_numbers_{};   // [1, place, 1] int64
  Tensor class_numbers_{};   // [1, 1, class] int64
  Tensor class_weights_{};   // [1, 1, class]; undefined: all 1
};

}  // namespace joist
