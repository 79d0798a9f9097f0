// Comparisons, logic and choosing between two arrays.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
enum class Logic : std::uint8_t { conjunction, disjunction, exclusive };

struct ComparisonKernels {
  /// y (bool) = a ? b. a and b have one dtype, any but float16 and bfloat16, and broadcast to y's shape. Comparisons
  /// with NaN are false, not_equal true.
  Kernel<void(Comparison, const Array& a, const Array& b, const Array& y)> compare{"compare"};
  /// bool arrays that broadcast to y's shape.
  Kernel<void(Logic, const Array& a, const Array& b, const Array& y)> logic{"logic"};
  /// y = condition (bool) ? a : b; all broadcast to y's shape. a, b and y have one dtype.
  Kernel<void(const Array& condition, const Array& a, const Array& b, const Out& y)> select{"where"};
};

}  // namespace joist
