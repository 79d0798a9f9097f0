// Depthwise convolutions with channels innermost. What oneDNN 2.6 computes as fast as the memory delivers is left to
// it; here are the weights' gradient of kernels beyond 3x3, for which it has only slow loops, and the rows of which
// normalized_depthwise.cpp makes convolutions of values that are normalized on their way.
#pragma once

#include <joist/core/cpu/depthwise_ring.h>
#include <joist/core/kernels/convolution.h>

#include <vector>

namespace joist::depthwise {

struct Axis {
  std::int64_t pixels, windows, kernel, stride, padding, dilation;

  /// Pixels behind the last one that windows reach.
  std::int64_t behind() const {
    return std::max<std::int64_t>(0, (windows - 1) * stride + (kernel - 1) * dilation + 1 - padding - pixels);
  }
};

/// x [batch, channel, height, width], w [channel, 1, kernel_height, kernel_width]: where windows and taps lie.
struct Taps {
  Taps(const Shape& x, const Shape& w, const Shape& y, const ConvolutionOptions& options);

  std::int64_t count() const { return down.kernel * across.kernel; }
  /// Multiplications of a block of channels of one picture.
  std::int64_t work(std::int64_t block) const { return down.windows * across.windows * count() * block; }
  /// A ring of the rows that a row of windows reads.
  RingShape ring(std::int64_t block) const {
    return {down.pixels, across.pixels, across.padding, across.behind(), (down.kernel - 1) * down.dilation + 1, block};
  }
  std::int64_t first_pixel(std::int64_t picture) const { return picture * down.pixels * across.pixels; }
  /// Per tap the pixel that it meets in the first window of a row of windows.
  template <class Fill>
  std::vector<const float*> pixels(Ring<Fill>& ring, std::int64_t row, std::int64_t block) const {
    std::vector<const float*> met;
    met.reserve(static_cast<std::size_t>(count()));
    for (std::int64_t y = 0; y < down.kernel; ++y) {
      const float* const at = ring.row(row * down.stride - down.padding + y * down.dilation) - across.padding * block;
      for (std::int64_t x = 0; x < across.kernel; ++x) met.push_back(at + x * across.dilation * block);
    }
    return met;
  }

  Axis down, across;
};

/// Whether oneDNN's loops for the weights' gradient are slow.
bool pays(const Shape& x, const Shape& w, Dtype dtype, const ConvolutionOptions& options);

/// x and dy are dense with the channels innermost, dw dense row-major; all float32, and pays() holds.
void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw);

/// dw [channel, 1, kernel_height, kernel_width] from sums [group, tap, channels and more].
void write_sums(const Array& sums, const Out& dw);

/// A row of windows over pixels that lie `block` floats apart, for the channels of one block.
struct RowGradient {
  const float* const* pixels;  // per tap: the one that meets it in the first window
  std::int64_t taps, windows;
  std::int64_t step;  // floats from window to window
  std::int64_t channels;
  const float* dy;
  std::int64_t dy_step;
  float* sums;  // [tap, channel of the block]; added to
  std::int64_t sums_step;
};

void add_row(const RowGradient& row);

/// A row of results, y (+)= Σ weights · pixels over the taps.
struct RowProduct {
  const float* const* pixels;   // per tap: the one that meets it in the first window
  const float* const* weights;  // per tap: [channel of the block]
  std::int64_t taps, windows;
  std::int64_t step;  // floats from window to window
  std::int64_t channels;
  float* y;
  std::int64_t y_step;
};

/// Without taps: zeros.
void multiply_row(const RowProduct& row);

}  // namespace joist::depthwise
