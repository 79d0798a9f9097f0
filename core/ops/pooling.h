// Pooling.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/pooling.h>

#include <span>
#include <vector>

namespace joist {

Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
/// Mean over height and width -> [batch, channel, 1, 1].
Tensor global_average_pool(const Tensor& x);

}  // namespace joist
