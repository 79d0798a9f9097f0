// Pooling by loops over planes: volumes, and what the fast kernels of pictures leave out.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

void max_pool_planes(const Array& x, const PoolOptions& options, const Out& y, const Array& index);
void max_pool_planes_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& dx);
void average_pool_planes(const Array& x, const PoolOptions& options, const Out& y);
void average_pool_planes_backward(const Array& dy, const PoolOptions& options, const Out& dx);

}  // namespace joist
