// Convolutions of batch-normalized values that are computed as they are read instead of being stored: where products
// are few, passes over memory are what a network's step costs. A backend that has them registers them when it is
// loaded; elsewhere core/ops/normalized_convolution.cpp does one after the other.
#pragma once

#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/normalization.h>

namespace joist {

/// activation(gamma · (x - mean) · inverse_deviation + beta) with the statistics of x's own batch; x [batch, channel,
/// height, width], vectors [channel], gamma and beta may be undefined.
struct NormalizedInput {
  Array x{}, gamma{}, beta{}, mean{}, inverse_deviation{};
  BatchNormOptions options{};
};

class NormalizedConvolutions {
 public:
  NormalizedConvolutions() = default;
  NormalizedConvolutions(const NormalizedConvolutions&) = delete;
  NormalizedConvolutions& operator=(const NormalizedConvolutions&) = delete;
  virtual ~NormalizedConvolutions() = default;

  /// Whether the others compute this, and faster than two operations would. w [out, in/groups, height, width].
  virtual bool take(const Array& x, const BatchNormOptions& normalization, const Array& w,
                    const ConvolutionOptions& options) const = 0;
  /// y [batch, out, height', width'], dense with the channels innermost.
  virtual void forward(const NormalizedInput& input, const Array& w, const ConvolutionOptions& options,
                       const Array& y) const = 0;
  /// Undefined arrays: not wanted.
  virtual void backward(const NormalizedInput& input, const Array& w, const Array& dy,
                        const ConvolutionOptions& options, const Out& dx, const Out& dw, const Out& dgamma,
                        const Out& dbeta) const = 0;
};

/// `convolutions` lives until the process ends.
void register_normalized_convolutions(Device::Kind kind, const NormalizedConvolutions& convolutions);
/// nullptr: that device has none.
const NormalizedConvolutions* normalized_convolutions(Device device) noexcept;

}  // namespace joist
