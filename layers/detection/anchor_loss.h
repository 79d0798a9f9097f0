// The losses of detectors with anchor boxes.
#pragma once

#include <joist/layers/detection/loss.h>

#include <cstdint>
#include <span>
#include <vector>

namespace joist {

/// Which object each box learns: its number, or one of these.
inline constexpr std::int64_t no_object = -1;       ///< the background
inline constexpr std::int64_t ignored_object = -2;  ///< too near to one for the background, too far to learn it

/// A box learns the object with which it overlaps most, from IoU 0.5 on, and each object that any box touches has at
/// least one. Of RetinaNet boxes between 0.4 and 0.5 are ignored, and all that tie as an object's best learn (Lin et
/// al. 2017); of SSD (`background`) each object takes its first best one (Liu et al. 2016). corners [anchor, 4].
std::vector<std::int64_t> match_boxes(const Array& corners, std::span<const TrueBox> objects, bool background);

/// Without a background: focal loss of the classes and absolute differences of the boxes, both divided by a picture's
/// matched boxes, mean over pictures (Lin et al. 2017). With: cross entropy of matched boxes and of three times as many
/// others, the worst of each picture, and smooth absolute differences, divided by the matched boxes of the batch (Liu
/// et al. 2016). The gains of `options` are those of another loss and count nothing here. Throws UnsupportedError for
/// class weights.
DetectionLoss anchor_loss(const Detections& predicted, const std::vector<std::vector<TrueBox>>& truth,
                          const DetectionLossOptions& options = {});

}  // namespace joist
