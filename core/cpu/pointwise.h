// 1x1 convolutions as products of blocks of pixels that the cache holds.
#pragma once

#include <joist/core/kernels/fused_convolution.h>

#include <algorithm>
#include <span>
#include <vector>

namespace joist {
class GradientRows;
class ReadAhead;
}  // namespace joist

namespace joist::pointwise {

/// Pixels of a block of so many channels: a multiple of what a product takes at once, and few enough for the cache.
inline std::int64_t block_of(std::int64_t channels) {
  constexpr std::int64_t cache = 1 << 16;  // floats
  return std::clamp<std::int64_t>(cache / channels / 12 * 12, 48, 192);
}
inline constexpr std::int64_t most_groups = 64;  ///< of pixels that have sums of their own

inline std::int64_t pixels_of(const Array& x) { return x.elements() / x.shape(1); }
/// Weights [out, in, 1, 1], dense row-major, as a matrix [out, in].
inline Array matrix(const Array& w) { return w.strided({w.shape(0), w.shape(1)}, {w.shape(1), 1}); }

/// Pixels `row` floats apart, each with `channels` neighbouring ones.
struct Rows {
  float* data = nullptr;
  std::int64_t row = 0, channels = 0;
  float* at(std::int64_t pixel) const { return data + pixel * row; }
};

/// Sums of parts of a batch, which loops write each by itself: they are added in the same order for any number of
/// threads.
class PartialSums {
 public:
  PartialSums(std::int64_t parts, std::int64_t channels)
      : channels_(channels), values_(static_cast<std::size_t>(2 * parts * channels)) {}
  double* first(std::int64_t part) { return values_.data() + 2 * part * channels_; }
  double* second(std::int64_t part) { return first(part) + channels_; }
  /// Adds those of `count` rows of values, channels from `channel` on. Where `past_caches` has data, writes them there.
  void add(std::int64_t part, const Rows& values, std::int64_t count, std::int64_t channel, const Rows& past_caches);
  template <class Totals>
  void write(Totals& totals) const {
    const auto count = static_cast<std::size_t>(channels_);
    totals.first.assign(count, 0);
    totals.second.assign(count, 0);
    for (std::size_t at = 0; at < values_.size(); at += 2 * count)
      for (std::size_t i = 0; i < count; ++i) {
        totals.first[i] += values_[at + i];
        totals.second[i] += values_[at + count + i];
      }
  }

 private:
  std::int64_t channels_;
  std::vector<double> values_;
};

/// dw [dy.channels, columns], its rows `row` floats apart, (+)= dyᵀ · x over `count` pixels; x in panels [panel, pixel,
/// channel of the panel].
void multiply_weight(const Rows& dy, const float* panels, std::int64_t count, std::int64_t columns, float* dw,
                     std::int64_t row, bool accumulate, ReadAhead* ahead = nullptr);

/// Whether x [batch, channel, height, width] is such rows.
bool is_rows(const Array& x);
Rows rows_of(const Array& x);

/// y [pixels, out] of rows side by side; w [out, channels of all, 1, 1]. Its sums where they are wanted.
void forward(std::span<const Rows> x, const Array& w, std::int64_t pixels, const Rows& y, ChannelSums* sums);
/// Gradients: dx without data is not wanted, nor dw without an array; add[i]: dx[i] is added to.
void backward(std::span<const Rows> x, const Array& w, std::int64_t pixels, const GradientRows& dy,
              std::span<const Rows> dx, const std::vector<bool>& add, const Out& dw);

}  // namespace joist::pointwise
