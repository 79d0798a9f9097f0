// Pooling over windows.
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

struct PoolOptions {
  Shape kernel{2, 2};
  Shape stride{};  ///< empty, for the public functions: the kernel
  Shape padding{0, 0};
  bool count_padding = true;  ///< average pooling divides by the full window (PyTorch: count_include_pad)
  bool ceil_mode = false;     ///< the last window may reach beyond the padding
  Shape dilation{1, 1};       ///< maximum pooling only
  std::int64_t divisor = 0;   ///< average pooling divides by this instead; 0: by the window
};

struct PoolKernels {
  /// index (int32, y's shape): position row * width + column of each maximum in its input plane; the first of equals,
  /// the last NaN, -1 where dilation leaves a window without any element.
  Kernel<void(const Array& x, const PoolOptions&, const Out& y, const Array& index)> maximum{"max_pool"};
  Kernel<void(const Array& dy, const Array& index, const PoolOptions&, const Out& dx)> maximum_backward{
      "max_pool_backward"};
  Kernel<void(const Array& x, const PoolOptions&, const Out& y)> average{"average_pool"};
  Kernel<void(const Array& dy, const PoolOptions&, const Out& dx)> average_backward{"average_pool_backward"};
  /// Maximum over windows of three axes; as `maximum`, for x [batch, channel, depth, height, width], index counting in
  /// the volume.
  Kernel<void(const Array& x, const PoolOptions&, const Out& y, const Array& index)> maximum_3d{"max_pool_3d"};
  Kernel<void(const Array& dy, const Array& index, const PoolOptions&, const Out& dx)> maximum_3d_backward{
      "max_pool_3d_backward"};
  Kernel<void(const Array& x, const PoolOptions&, const Out& y)> average_3d{"average_pool_3d"};
  Kernel<void(const Array& dy, const PoolOptions&, const Out& dx)> average_3d_backward{"average_pool_3d_backward"};
  /// Window i of an axis of length n is ⌊i n / out⌋ … ⌈(i + 1) n / out⌉ - 1; any rank from 3, all axes from 2 on.
  Kernel<void(const Array& x, const Out& y)> adaptive_average{"adaptive_average_pool"};
  Kernel<void(const Array& dy, const Out& dx)> adaptive_average_backward{"adaptive_average_pool_backward"};
  /// index int64 in the plane or volume; its backward is `place` with add.
  Kernel<void(const Array& x, const Out& y, const Array& index)> adaptive_maximum{"adaptive_max_pool"};
  /// y [batch, channel, ...], zero but for y[n, c, index[n, c, i]] = x[n, c, i], where index (int64, x's shape, checked
  /// by the caller) counts in the plane or volume. Of several at one position the last stays, or with `add` their sum.
  Kernel<void(const Array& x, const Array& index, bool add, const Out& y)> place{"pool_place"};
  /// y[n, c, i] = x[n, c, index[n, c, i]]
  Kernel<void(const Array& x, const Array& index, const Out& y)> pick{"pool_pick"};
};

}  // namespace joist
