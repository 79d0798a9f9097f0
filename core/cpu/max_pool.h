// Maximum pooling; pooling.cpp holds the averages and fills the table.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

void max_pool(const Array& x, const PoolOptions& options, const Out& y, const Array& index);
void max_pool_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& dx);

}  // namespace joist
