// Resampling of pictures.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/resize.h>

#include <span>
#include <vector>

namespace joist {

/// Nearest neighbour to [batch, channel, height, width].
Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace joist
