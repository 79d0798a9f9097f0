// Convolutions together with what stands before or behind them: where products are few, passes over memory are what a
// network's step costs. A backend that has them registers them when it is loaded; elsewhere core/ops does one after the
// other.
#pragma once

#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/normalization.h>

#include <span>
#include <vector>

namespace joist {

/// Per channel the sums over a batch of the values and of their squares, taken while a convolution writes them: of
/// these come the statistics that the next normalization needs.
struct ChannelSums {
  std::vector<double> first{}, second{};
  bool defined() const { return !first.empty(); }
};

/// activation(gamma · (x - mean) · inverse_deviation + beta) with the statistics of x's own batch; x [batch, channel,
/// height, width], vectors [channel], gamma and beta may be undefined.
struct NormalizedInput {
  Array x{}, gamma{}, beta{}, mean{}, inverse_deviation{};
  BatchNormOptions options{};
};

/// The gradient of a normalization's x, computed where it is read: scale · slope(z) · (values + added) - (constant +
/// linear · (x - mean)), scale = gamma · inverse_deviation, z = scale · (x - mean) + beta.
struct LateNormalization {
  NormalizedInput input{};
  Array values{};                           ///< the gradient of activation(z), of x's shape and layout
  Array added{};                            ///< [batch, channel], to all pixels' values; undefined: nothing
  std::vector<float> constant{}, linear{};  ///< per channel
};

/// The gradient of a convolution's result: an array, or one that is not computed yet.
struct ResultGradient {
  Array array{};
  const LateNormalization* late = nullptr;
};

class FusedConvolutions {
 public:
  FusedConvolutions() = default;
  FusedConvolutions(const FusedConvolutions&) = delete;
  FusedConvolutions& operator=(const FusedConvolutions&) = delete;
  virtual ~FusedConvolutions() = default;

  // ---- of values that are normalized as they are read instead of being stored
  /// Whether the next two compute this, and faster than two operations would. w [out, in/groups, height, width].
  virtual bool take(const Array& x, const BatchNormOptions& normalization, const Array& w,
                    const ConvolutionOptions& options) const = 0;
  /// y [batch, out, height', width'], dense with the channels innermost; its sums where they are wanted.
  virtual void forward(const NormalizedInput& input, const Array& w, const ConvolutionOptions& options, const Array& y,
                       ChannelSums* sums) const = 0;
  /// Undefined arrays: not wanted.
  virtual void backward(const NormalizedInput& input, const Array& w, const ResultGradient& dy,
                        const ConvolutionOptions& options, const Out& dx, const Out& dw, const Out& dgamma,
                        const Out& dbeta) const = 0;
  /// The same with dx left to whoever reads it.
  virtual LateNormalization backward_late(const NormalizedInput& input, const Array& w, const ResultGradient& dy,
                                          const ConvolutionOptions& options, const Out& dw, const Out& dgamma,
                                          const Out& dbeta) const = 0;

  // ---- 1x1 convolutions of arrays side by side along the channels, which are not brought together
  /// Whether the next two compute this, as fast as the usual kernels. x [batch, channels of each, height, width],
  /// slices of channels too; w [out, channels of all, 1, 1].
  virtual bool take_joined(std::span<const Array> x, const Array& w) const = 0;
  virtual void forward_joined(std::span<const Array> x, const Array& w, const Array& y, ChannelSums* sums) const = 0;
  /// dx: of each x. Undefined arrays: not wanted.
  virtual void backward_joined(std::span<const Array> x, const Array& w, const ResultGradient& dy,
                               std::span<const Out> dx, const Out& dw) const = 0;

  // ---- 1x1 convolutions of values that are multiplied by a gate per picture and channel as they are read
  /// Whether the next two compute this. x [batch, channel, height, width], gates [batch, channel, 1, 1].
  virtual bool take_gated(const Array& x, const Array& gates, const Array& w) const = 0;
  virtual void forward_gated(const Array& x, const Array& gates, const Array& w, const Array& y,
                             ChannelSums* sums) const = 0;
  /// Undefined arrays: not wanted.
  virtual void backward_gated(const Array& x, const Array& gates, const Array& w, const ResultGradient& dy,
                              const Out& dx, const Out& dgates, const Out& dw) const = 0;

  /// BatchNormKernels::train() in two parts: the statistics of `count` values per channel from their sums, and the
  /// normalized values.
  virtual void statistics(const ChannelSums& sums, std::int64_t count, const BatchNormOptions& options,
                          const Array& running_mean, const Array& running_variance, const Array& mean,
                          const Array& inverse_deviation) const = 0;
  virtual void normalize(const NormalizedInput& input, const Out& y) const = 0;
  /// Whether the next one, and late() with `added`, compute this.
  virtual bool take_pooled(const Array& x, const BatchNormOptions& normalization) const = 0;
  /// normalize(), and the mean over the pixels of each picture's channel; y of x's shape and layout, mean dense.
  virtual void normalize_pooled(const NormalizedInput& input, const Array& y, const Array& mean) const = 0;

  /// Whether backward_joined() of one array reads a late gradient faster than the usual kernels read a computed one.
  virtual bool late_pays(const Array& w) const = 0;
  /// Whether the gradient of such a normalization can be left to whoever reads it.
  virtual bool take_late(const Array& x, const BatchNormOptions& normalization, const Array& dy) const = 0;
  /// BatchNormKernels::backward() but for dx. The gradient of the result is dy + added; LateNormalization::added.
  virtual LateNormalization late(const NormalizedInput& input, const Array& dy, const Array& added, const Out& dgamma,
                                 const Out& dbeta) const = 0;
  virtual void write(const LateNormalization& late, const Out& dx) const = 0;
};

/// `convolutions` lives until the process ends.
void register_fused_convolutions(Device::Kind kind, const FusedConvolutions& convolutions);
/// nullptr: that device has none.
const FusedConvolutions* fused_convolutions(Device device) noexcept;

}  // namespace joist
