// Resampling layers: Upsample{{.scale_factor = {2}, .mode = InterpolateMode::bilinear}}.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

namespace joist {

struct Upsample {
  InterpolateOptions options{};
  Tensor operator()(const Tensor& x) const { return interpolate(x, options); }
  auto fields() { return joist::fields(); }
};
struct PixelShuffle {
  std::int64_t factor = 2;
  Tensor operator()(const Tensor& x) const { return pixel_shuffle(x, factor); }
  auto fields() { return joist::fields(); }
};
struct PixelUnshuffle {
  std::int64_t factor = 2;
  Tensor operator()(const Tensor& x) const { return pixel_unshuffle(x, factor); }
  auto fields() { return joist::fields(); }
};
struct ChannelShuffle {
  std::int64_t groups = 2;
  Tensor operator()(const Tensor& x) const { return channel_shuffle(x, groups); }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
