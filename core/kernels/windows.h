// Padding, windows as columns, regions of interest.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };
/// Elements added before and after each axis; negative amounts crop (constant mode).
struct PadOptions {
  Shape before{}, after{};
  PadMode mode = PadMode::constant;
  double value = 0;
};
/// One entry per picture axis.
struct UnfoldOptions {
  Shape kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
};
struct RoiAlignOptions {
  std::int64_t height = 7, width = 7;
  double spatial_scale = 1;
  std::int64_t sampling_ratio = -1;  ///< -1: ceil(region / output)
  bool aligned = false;              ///< shift by half a pixel
};

struct WindowKernels {
  Kernel<void(const Array& x, const PadOptions&, const Out& y)> pad{"pad"};
  Kernel<void(const Array& dy, const PadOptions&, const Out& dx)> pad_backward{"pad_backward"};
  /// x [batch, channel, height, width] -> y [batch, channel · kernel area, windows].
  Kernel<void(const Array& x, const UnfoldOptions&, const Out& y)> unfold{"unfold"};
  /// The transpose of unfold: x [batch, channel · kernel area, windows] -> y [batch, channel, height, width].
  Kernel<void(const Array& x, const UnfoldOptions&, const Out& y)> fold{"fold"};
  /// x [batch, channel, height, width], boxes [rois, 5] (batch index, x1, y1, x2, y2) -> [rois, channel, h, w] (He et
  /// al. 2017, "Mask R-CNN").
  Kernel<void(const Array& x, const Array& boxes, const RoiAlignOptions&, const Out& y)> roi_align{"roi_align"};
  Kernel<void(const Array& dy, const Array& boxes, const RoiAlignOptions&, const Out& dx)> roi_align_backward{
      "roi_align_backward"};
};

}  // namespace joist
