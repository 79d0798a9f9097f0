// Sums over rectangular windows of the picture axes: average pooling, nearest resizing and both backwards are this one
// loop with different tables.
#pragma once

#include <cstdint>
#include <vector>
#include <joist/core/kernels.h>

namespace joist {

/// One picture axis: output i takes the sources begin[i] … end[i] - 1, each times its `source` weight, their sum times
/// `result[i]`.
struct WindowAxis {
  std::vector<std::int64_t> begin, end;
  std::vector<float> source, result;

  WindowAxis(std::int64_t sources, std::int64_t results);
};

/// y [batch, channels, results of rows, results of columns] from x [batch, channels, sources of rows, sources of
/// columns].
void sum_windows(const Array& x, const WindowAxis& rows, const WindowAxis& columns, const Out& y);

}  // namespace joist
