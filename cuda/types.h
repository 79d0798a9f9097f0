// Choosing the type to compute with by an array's element type.
#pragma once

#include <joist/core/array.h>

#include <cstdint>

namespace joist::cuda {

/// Calls work(T{}) with a type that holds every number of a dtype: double, float or std::int64_t.
template <class Work>
void with_wide_type(Dtype dtype, Work&& work) {
  if (dtype == Dtype::float64) return work(double{});
  if (is_floating(dtype)) return work(float{});
  work(std::int64_t{});
}

}  // namespace joist::cuda
