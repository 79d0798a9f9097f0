// Maximum pooling, part of the table of pooling.
#pragma once

#include <joist/core/kernels/pooling.h>

namespace joist::cuda {

/// Over two and three axes alike.
void maximum_pool(const Array& x, const PoolOptions& options, const Out& y, const Array& index);
void maximum_pool_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& dx);

}  // namespace joist::cuda
