// Convolutions of values that are normalized as they are read (core/kernels/fused_convolution.h): their two kinds.
// Arrays [batch, channel, height, width] are dense with the channels innermost here, weights dense row-major.
#pragma once

#include <joist/core/cpu/batch_norm_parameters.h>
#include <joist/core/cpu/gradient_rows.h>
#include <joist/core/cpu/pointwise.h>
#include <joist/core/kernels/fused_convolution.h>

namespace joist::normalized {

struct Input {
  const Array& x;
  const batch_norm::Parameters& parameters;
  batch_norm::Fused fused;

  std::int64_t channels() const { return x.shape(1); }
  /// `rows` pixels that lie `row` floats apart, of `columns` channels (at most batch_norm::most_columns) from `first`
  /// on.
  batch_norm::Matrices tile(const float* pixel, std::int64_t row, std::int64_t rows, std::int64_t first,
                            std::int64_t columns) const {
    batch_norm::Matrices result;
    result.x = {pixel + first, row};
    result.rows = rows;
    result.columns = columns;
    batch_norm::point_at(parameters, first, result);
    return result;
  }
};

/// 1x1 convolutions: w [out, in, 1, 1].
void forward_pointwise(const Input& input, const Array& w, const Array& y, ChannelSums* sums);
/// The sums for batch_norm::finish_gradient(), and the weights' gradient where it is wanted. `values`: where the
/// gradient of the normalized values is kept; undefined: nowhere.
batch_norm::Totals backward_pointwise(const Input& input, const Array& w, const GradientRows& dy, const Array& values,
                                      const Out& dw);
/// dx, for which the gradient of the normalized values is computed once more.
void backward_pointwise_input(const Input& input, const Array& w, const GradientRows& dy, const Out& dx);

/// Depthwise convolutions without dilation: w [channel, 1, kernel_height, kernel_width].
void forward_depthwise(const Input& input, const Array& w, const ConvolutionOptions& options, const Array& y,
                       ChannelSums* sums);
/// dy of shape `y`. The padding is less than the kernel, so that no row of dy is wanted after later ones took its
/// place.
batch_norm::Totals backward_depthwise(const Input& input, const Array& w, const GradientRows& dy, const Shape& y,
                                      const ConvolutionOptions& options, const Array& values, const Out& dw);

}  // namespace joist::normalized
