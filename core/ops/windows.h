// Padding, windows, pixel shuffling.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/windows.h>

#include <initializer_list>
#include <span>

namespace joist {

/// torch.nn.functional.pad: amounts in pairs (before, after) from the last axis backwards, e.g. {left, right, top,
/// bottom}. reflect and circular repeat at most length - 1 and length elements. Negative amounts crop, only with
/// PadMode::constant.
Tensor pad(const Tensor& x, std::span<const std::int64_t> amounts, PadMode mode = PadMode::constant, double value = 0);
inline Tensor pad(const Tensor& x, std::initializer_list<std::int64_t> amounts, PadMode mode = PadMode::constant,
                  double value = 0) {
  return pad(x, std::span(amounts.begin(), amounts.size()), mode, value);
}
/// Amounts per axis.
Tensor pad(const Tensor& x, const PadOptions& options);

/// Windows as columns (im2col): [batch, channel, height, width] -> [batch, channel · kernel area, windows].
Tensor unfold(const Tensor& x, const UnfoldOptions& options);
/// The sum of columns at their places in a picture of height and width; the transpose of unfold.
Tensor fold(const Tensor& x, std::int64_t height, std::int64_t width, const UnfoldOptions& options);

/// [..., channel · factor², height, width] -> [..., channel, height · factor, width · factor] (Shi et al. 2016) and
/// back.
Tensor pixel_shuffle(const Tensor& x, std::int64_t factor);
Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor);
/// Channels (axis 1) seen as [groups, rest], transposed (Zhang et al. 2017, "ShuffleNet").
Tensor channel_shuffle(const Tensor& x, std::int64_t groups);

}  // namespace joist
