// Dropout.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/random.h>

#include <span>
#include <vector>

namespace joist {

/// Drops elements with the given probability and scales the rest, by the numbers of `key`.
Tensor dropout(const Tensor& x, double probability, const RandomKey& key);

}  // namespace joist
