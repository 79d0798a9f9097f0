// Resampling of pictures.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <array>

namespace joist {

/// Source coordinate of output i: nearest floor(i * in / out) (PyTorch's and ONNX's "asymmetric, floor").
enum class Interpolation : std::uint8_t { linear, cubic };
/// `linear` and `cubic` (a = -0.75, rank 4 only) over all axes from 2 on. scale: given factors, 0 where the sizes
/// decide (PyTorch's recompute_scale_factor); antialias: windows widened when shrinking.
struct ResampleOptions {
  Interpolation mode = Interpolation::linear;
  bool align_corners = false;
  bool antialias = false;
  std::array<double, 3> scale{};
};
enum class SampleMode : std::uint8_t { bilinear, nearest, bicubic };
enum class SamplePadding : std::uint8_t { zeros, border, reflection };
struct GridSampleOptions {
  SampleMode mode = SampleMode::bilinear;
  SamplePadding padding = SamplePadding::zeros;
  bool align_corners = false;
};

struct ResizeKernels {
  Kernel<void(const Array& x, const Out& y)> nearest{"resize_nearest"};
  Kernel<void(const Array& dy, const Out& dx)> nearest_backward{"resize_nearest_backward"};
  /// Nearest with source coordinate ⌊(i + 0.5) · in / out⌋ (PyTorch's nearest-exact), and either over 1 to 3 axes.
  Kernel<void(const Array& x, bool exact, const std::array<double, 3>& scale, const Out& y)> nearest_any{"nearest_any"};
  Kernel<void(const Array& dy, bool exact, const std::array<double, 3>& scale, const Out& dx)> nearest_any_backward{
      "nearest_any_backward"};
  Kernel<void(const Array& x, const ResampleOptions&, const Out& y)> resample{"resample"};
  Kernel<void(const Array& dy, const ResampleOptions&, const Out& dx)> resample_backward{"resample_backward"};
  /// x [batch, channel, h, w], grid [batch, h', w', 2] (x, y in [-1, 1]) -> [batch, channel, h', w'].
  Kernel<void(const Array& x, const Array& grid, const GridSampleOptions&, const Out& y)> grid_sample{"grid_sample"};
  /// Undefined arrays: not wanted.
  Kernel<void(const Array& x, const Array& grid, const Array& dy, const GridSampleOptions&, const Out& dx,
              const Out& dgrid)>
      grid_sample_backward{"grid_sample_backward"};
};

}  // namespace joist
