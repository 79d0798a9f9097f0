// Rare classes: how often their pictures are shown, what their objects weigh, and what is odd about the labels.
#pragma once

#include <joist/data/dataset.h>
#include <joist/tools/training/options.h>

#include <string>
#include <vector>

namespace joist {

/// Repeat factors (Gupta et al., 2019, "LVIS"): a picture counts max(1, sqrt(share / f)) of its rarest class, f being
/// the share of pictures that the class is on. Empty where `share` is 0 or no class is that rare.
std::vector<float> repeat_factors(const Dataset& dataset, double share);

/// (Mean number of objects of a class / number of this class) to the power, with a mean of 1 over all objects; 0: none.
/// Classes without objects weigh 1.
std::vector<float> class_weights(const Dataset& dataset, double power);

/// What about the labels may keep a detector from finding anything.
std::vector<std::string> label_suspicions(const Dataset& dataset, const TrainOptions& options);

}  // namespace joist
