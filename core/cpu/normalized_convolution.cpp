// y = w ⋆ a(z), z = γ x̂ + β. Backwards: da = dy ⋆ flipped w, dz = da · a'(z), and with the sums over dz the gradient
// of batch normalization. a(z) is never stored, da only where computing it once more costs more than that.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/normalized_convolution.h>
#include <joist/core/cpu/strided.h>

namespace joist {
namespace {

using batch_norm::Fused;
using batch_norm::Loop;
using batch_norm::Parameters;
using batch_norm::Totals;
using normalized::Input;

// With more results than these, a product costs more than writing and reading its result.
constexpr std::int64_t most_repeated = 64;

bool is_pointwise(const Array& w, const ConvolutionOptions& options) {
  return options.groups == 1 && w.shape().elements(2, 4) == 1 && options.stride == Shape{1, 1} &&
         options.padding == Shape{0, 0};
}
bool is_depthwise(const Array& x, const Array& w, const ConvolutionOptions& options) {
  return options.groups > 1 && options.groups == x.shape(1) && w.shape(0) == x.shape(1) && w.shape(1) == 1 &&
         options.dilation == Shape{1, 1};
}

Array channels_innermost(const Array& x) {
  return x.is_channels_last() ? x : with_strides(x, channels_last(x.shape()));
}
Array gapless(const Array& w) { return with_strides(w, row_major(w.shape())); }

Parameters parameters_of(const NormalizedInput& input) {
  Parameters parameters(input.x.shape(1));
  batch_norm::set_normalization(parameters, input.mean, input.inverse_deviation, input.gamma, input.beta);
  return parameters;
}

class Convolutions final : public NormalizedConvolutions {
 public:
  bool take(const Array& x, const BatchNormOptions& normalization, const Array& w,
            const ConvolutionOptions& options) const override {
    return x.dtype() == Dtype::float32 && w.dtype() == Dtype::float32 && x.rank() == 4 && x.is_channels_last() &&
           x.elements() > 0 && batch_norm::fused_with(normalization.activation).normalize &&
           (is_pointwise(w, options) || is_depthwise(x, w, options));
  }

  void forward(const NormalizedInput& given, const Array& w, const ConvolutionOptions& options,
               const Array& y) const override {
    const Array x = channels_innermost(given.x);
    const Parameters parameters = parameters_of(given);
    const Input input{x, parameters, batch_norm::fused_with(given.options.activation)};
    if (is_pointwise(w, options)) return normalized::forward_pointwise(input, gapless(w), y);
    normalized::forward_depthwise(input, gapless(w), options, y);
  }

  void backward(const NormalizedInput& given, const Array& given_w, const Array& given_dy,
                const ConvolutionOptions& options, const Out& dx, const Out& dw, const Out& dgamma,
                const Out& dbeta) const override {
    const Array x = channels_innermost(given.x), dy = channels_innermost(given_dy), w = gapless(given_w);
    Parameters parameters = parameters_of(given);
    const Fused fused = batch_norm::fused_with(given.options.activation);
    const Input input{x, parameters, fused};
    const bool pointwise = is_pointwise(w, options), repeats = pointwise && w.shape(0) <= most_repeated;
    Array values;
    if (!pointwise || (dx.array.defined() && !repeats))
      values = dx.array.defined() && dx.array.is_channels_last() && !dx.accumulate ? dx.array : Array::like(x);
    const bool direct = !dw.array.defined() || dw.array.is_row_major();
    const Out own_dw = direct ? dw : Out{Array::empty(dw.array.shape())};
    const Totals totals = pointwise ? normalized::backward_pointwise(input, w, dy, values, own_dw)
                                    : normalized::backward_depthwise(input, w, dy, options, values, own_dw);
    if (!direct) copy_array(own_dw.array, dw);
    batch_norm::finish_gradient(parameters, totals, x.elements() / x.shape(1), given.gamma, given.inverse_deviation,
                                false, dgamma, dbeta);
    if (!dx.array.defined()) return;
    if (values.defined()) return Loop(x, values, dx).write(fused.gradient, fused.activation, parameters);
    if (dx.array.is_channels_last()) return normalized::backward_pointwise_input(input, w, dy, dx);
    const Array dense = Array::like(x);
    normalized::backward_pointwise_input(input, w, dy, {dense});
    copy_array(dense, dx);
  }
};

}  // namespace

void register_convolutions() {
  static const Convolutions convolutions;
  register_normalized_convolutions(Device::Kind::cpu, convolutions);
}

}  // namespace joist
