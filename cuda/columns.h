// Windows of pictures and volumes as columns, which make a convolution a matrix product.
#pragma once

#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist::cuda {

/// Where the windows of a convolution lie. Lengths of the spatial axes.
struct Windows {
  Shape kernel{}, windows{};
  ConvolutionOptions options{};
  std::int64_t area() const { return kernel.elements(); }
  std::int64_t count() const { return windows.elements(); }
};

/// columns [batch, group, channel, place in the kernel, window] = what the windows `first` … see of
/// x [batch, group, channel, spatial...]; 0 in the padding. Any strides.
void write_columns(const Array& x, const Windows& windows, std::int64_t first, const Array& columns);
/// The transpose, of all windows: x (+)= the sum of the places of the columns that show it.
void add_columns(const Array& columns, const Windows& windows, const Out& x);

/// Most bytes of columns at a time; what needs more is computed in parts.
std::int64_t& most_column_bytes();

}  // namespace joist::cuda
