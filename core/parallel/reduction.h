// Two arrays become one, element by element.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/parallel/collective.h>

#include <cstddef>

namespace joist::parallel {

/// into[i] = into[i] (+, max, min) from[i]. Max and min of a NaN are NaN, sums of integers wrap.
void reduce_into(void* into, const void* from, std::int64_t elements, Dtype dtype, Reduce reduce);

}  // namespace joist::parallel
