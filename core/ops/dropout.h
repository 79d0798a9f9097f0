// Dropout. Without a key the numbers are the thread's (manual_seed, set_random_step), a new key for each call.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/mode.h>
#include <joist/core/random.h>

#include <span>
#include <vector>

namespace joist {

/// Drops elements with the given probability and scales the rest, by the numbers of `key`.
Tensor dropout(const Tensor& x, double probability, const RandomKey& key);
/// The same while `training`, else x.
Tensor dropout(const Tensor& x, double probability = 0.5, bool training = joist::training());

/// Drops whole channels: [batch, channel, length], [batch, channel, height, width], [batch, channel, d, h, w].
Tensor dropout1d(const Tensor& x, double probability = 0.5, bool training = joist::training());
Tensor dropout2d(const Tensor& x, double probability = 0.5, bool training = joist::training());
Tensor dropout3d(const Tensor& x, double probability = 0.5, bool training = joist::training());

/// Sets elements to SELU's lower limit and keeps mean and variance (Klambauer et al. 2017); whole channels with
/// feature_alpha_dropout.
Tensor alpha_dropout(const Tensor& x, double probability = 0.5, bool training = joist::training());
Tensor feature_alpha_dropout(const Tensor& x, double probability = 0.5, bool training = joist::training());

/// Stochastic depth (Huang et al. 2016): drops the whole of single samples (axis 0) and scales the others.
Tensor drop_path(const Tensor& x, double probability, bool training = joist::training());

}  // namespace joist
