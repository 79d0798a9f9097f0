// Pooling. Options have one entry per spatial axis; equal entries may be given once. Without a stride windows lie side
// by side.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/pooling.h>

#include <span>
#include <utility>
#include <vector>

namespace joist {

/// x [batch, channel, length ...]. Padding never wins; a NaN does.
Tensor max_pool1d(const Tensor& x, const PoolOptions& options);
Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
Tensor max_pool3d(const Tensor& x, const PoolOptions& options);
/// Also the position (int64) of each maximum in its line, plane or volume, counted row-major; the first of equals, the
/// last NaN.
std::pair<Tensor, Tensor> max_pool1d_with_indices(const Tensor& x, const PoolOptions& options);
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor& x, const PoolOptions& options);
std::pair<Tensor, Tensor> max_pool3d_with_indices(const Tensor& x, const PoolOptions& options);
/// The inverse: zeros, but x at its indices (the last of several that share one). options: those of the pooling;
/// output_size as lengths of the spatial axes, by default the smallest that pools to x's.
Tensor max_unpool1d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size = {});
Tensor max_unpool2d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size = {});
Tensor max_unpool3d(const Tensor& x, const Tensor& indices, const PoolOptions& options, const Shape& output_size = {});

Tensor avg_pool1d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool3d(const Tensor& x, const PoolOptions& options);
/// (Σ x^norm over the window)^(1/norm); padding is not allowed.
Tensor lp_pool1d(const Tensor& x, double norm, const PoolOptions& options);
Tensor lp_pool2d(const Tensor& x, double norm, const PoolOptions& options);
Tensor lp_pool3d(const Tensor& x, double norm, const PoolOptions& options);

/// To the given lengths of the spatial axes, -1: as they are. Window i of n to out: ⌊i n / out⌋ … ⌈(i + 1) n / out⌉
/// - 1.
Tensor adaptive_avg_pool1d(const Tensor& x, const Shape& output_size);
Tensor adaptive_avg_pool2d(const Tensor& x, const Shape& output_size);
Tensor adaptive_avg_pool3d(const Tensor& x, const Shape& output_size);
Tensor adaptive_max_pool1d(const Tensor& x, const Shape& output_size);
Tensor adaptive_max_pool2d(const Tensor& x, const Shape& output_size);
Tensor adaptive_max_pool3d(const Tensor& x, const Shape& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool1d_with_indices(const Tensor& x, const Shape& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool2d_with_indices(const Tensor& x, const Shape& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool3d_with_indices(const Tensor& x, const Shape& output_size);

struct FractionalPoolOptions {
  Shape kernel{2};
  Shape output_size{};      ///< lengths, or
  double output_ratio = 0;  ///< this share of the input's, between 0 and 1
};
/// Maximum over windows at pseudo-random places (Graham 2014): samples [batch, channel, 2] in [0, 1) place them along
/// width and height; undefined: drawn by the thread's key. Host only.
Tensor fractional_max_pool2d(const Tensor& x, const FractionalPoolOptions& options, const Tensor& samples = {});

/// Mean over height and width -> [batch, channel, 1, 1].
Tensor global_average_pool(const Tensor& x);

}  // namespace joist
