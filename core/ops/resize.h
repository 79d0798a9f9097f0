// Resampling of pictures.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/resize.h>

#include <span>
#include <vector>

namespace joist {

/// Nearest neighbour to [batch, channel, height, width].
Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width);

/// linear, bilinear and trilinear are the same for one, two and three spatial axes; bicubic is for two.
enum class InterpolateMode : std::uint8_t { nearest, nearest_exact, linear, bilinear, trilinear, bicubic, area };
/// torch.nn.functional.interpolate's. Either `size` or `scale_factor`, one entry per spatial axis or one for all.
struct InterpolateOptions {
  Shape size{};
  std::vector<double> scale_factor{};  ///< lengths times this, rounded down
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false;           ///< linear and cubic: the corner pixels' centers stay in the corners
  bool antialias = false;               ///< bilinear and bicubic: average when shrinking, as Pillow
  bool recompute_scale_factor = false;  ///< coordinates by the rounded lengths instead of the factors
};
/// x [batch, channel, one to three axes].
Tensor interpolate(const Tensor& x, const InterpolateOptions& options);
inline Tensor upsample(const Tensor& x, const InterpolateOptions& options) { return interpolate(x, options); }

/// x [batch, channel, h, w] at the points grid [batch, h', w', 2] (x, y; -1 and 1 are the picture's edges, or with
/// align_corners the centers of its corner pixels) -> [batch, channel, h', w'].
Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampleOptions& options = {});
/// theta [batch, 2, 3], size [batch, channel, h', w'] -> the grid of an affine map, [batch, h', w', 2]; or theta
/// [batch, 3, 4], size [batch, channel, d', h', w'] -> [batch, d', h', w', 3].
Tensor affine_grid(const Tensor& theta, const Shape& size, bool align_corners = false);

}  // namespace joist
