// y = w ⋆ a(z), z = γ x̂ + β. Backwards: da = dy ⋆ flipped w, dz = da · a'(z), and with the sums over dz the gradient
// of batch normalization. a(z) is never stored, da only where computing it once more costs more than that.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/gated_pointwise.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/pooled_normalization.h>
#include <joist/core/cpu/strided.h>
#include <joist/core/cpu/tile_product.h>
#include <joist/core/threads.h>

namespace joist {
namespace {

using batch_norm::Fused;
using batch_norm::Loop;
using batch_norm::Parameters;
using batch_norm::Totals;
using normalized::Input;
using pointwise::pixels_of;
using pointwise::Rows;

// With more results than these, a product costs more than writing and reading its result.
constexpr std::int64_t most_repeated = 64;
// With more channels than these, oneDNN's product is faster by more than a pass over its results takes.
constexpr std::int64_t most_plain = 256;
constexpr std::int64_t most_late = 128;   // the same for a pass over the gradient of its result
constexpr std::int64_t most_gated = 512;  // and for one over products with gates

bool is_pointwise(const Array& w, const ConvolutionOptions& options) {
  return options.groups == 1 && w.shape().elements(2, 4) == 1 && options.stride == Shape{1, 1} &&
         options.padding == Shape{0, 0};
}
// Whether a 1x1 convolution is large enough for products of parts, where the processor has tiles.
bool splits(const Array& x, const Array& w) {
  return tile_product_pays(Dtype::float32, pixels_of(x), w.shape(1), w.shape(0));
}
bool is_depthwise(const Array& x, const Array& w, const ConvolutionOptions& options) {
  return options.groups > 1 && options.groups == x.shape(1) && w.shape(0) == x.shape(1) && w.shape(1) == 1 &&
         options.dilation == Shape{1, 1} && options.padding[0] < w.shape(2);
}

Array channels_innermost(const Array& x) {
  return x.is_channels_last() ? x : with_strides(x, channels_last(x.shape()));
}
Array gapless(const Array& w) { return with_strides(w, row_major(w.shape())); }

Array channels_last_like(const Array& x) {
  return Array::empty(x.shape(), x.dtype(), x.device(), Order::channels_last);
}
std::vector<Rows> all_rows(std::span<const Array> x) {
  std::vector<Rows> rows;
  for (const Array& part : x) rows.push_back(pointwise::rows_of(part));
  return rows;
}

class Convolutions final : public FusedConvolutions {
 public:
  bool take(const Array& x, const BatchNormOptions& normalization, const Array& w,
            const ConvolutionOptions& options) const override {
    return x.dtype() == Dtype::float32 && w.dtype() == Dtype::float32 && x.rank() == 4 && x.is_channels_last() &&
           x.elements() > 0 && batch_norm::fused_with(normalization.activation).normalize &&
           (is_pointwise(w, options) ? !splits(x, w) : is_depthwise(x, w, options));
  }

  void forward(const NormalizedInput& given, const Array& w, const ConvolutionOptions& options, const Array& y,
               ChannelSums* sums) const override {
    const Parameters parameters = parameters_of(given);
    const Input input{given.x, parameters, batch_norm::fused_with(given.options.activation)};
    if (is_pointwise(w, options)) return normalized::forward_pointwise(input, gapless(w), y, sums);
    normalized::forward_depthwise(input, gapless(w), options, y, sums);
  }

  void backward(const NormalizedInput& given, const Array& given_w, const ResultGradient& given_dy,
                const ConvolutionOptions& options, const Out& dx, const Out& dw, const Out& dgamma,
                const Out& dbeta) const override {
    const Array &x = given.x, w = gapless(given_w);
    const ResultGradient dy = innermost(given_dy);
    Array values;
    const bool repeats = is_pointwise(w, options) && w.shape(0) <= most_repeated;
    if (!is_pointwise(w, options) || (dx.array.defined() && !repeats))
      values = dx.array.defined() && dx.array.is_channels_last() && !dx.accumulate ? dx.array : Array::like(x);
    const LateNormalization late = sums(given, w, dy, options, values, dw, dgamma, dbeta);
    if (!dx.array.defined()) return;
    if (values.defined()) return write(late, dx);
    const Parameters parameters = parameters_of(late);
    const Input input{x, parameters, batch_norm::fused_with(given.options.activation)};
    if (dx.array.is_channels_last()) return normalized::backward_pointwise_input(input, w, GradientRows(dy), dx);
    const Array dense = Array::like(x);
    normalized::backward_pointwise_input(input, w, GradientRows(dy), {dense});
    copy_array(dense, dx);
  }
  LateNormalization backward_late(const NormalizedInput& given, const Array& w, const ResultGradient& dy,
                                  const ConvolutionOptions& options, const Out& dw, const Out& dgamma,
                                  const Out& dbeta) const override {
    return sums(given, gapless(w), innermost(dy), options, Array::like(given.x), dw, dgamma, dbeta);
  }

  bool take_joined(std::span<const Array> x, const Array& w) const override {
    if (w.dtype() != Dtype::float32 || w.rank() != 4 || w.shape().elements(2, 4) != 1 || x.empty()) return false;
    for (const Array& part : x)
      if (part.dtype() != Dtype::float32 || part.elements() == 0 || !pointwise::is_rows(part)) return false;
    return x.size() > 1 || (w.shape(1) <= most_plain && !splits(x[0], w));
  }
  void forward_joined(std::span<const Array> x, const Array& w, const Array& y, ChannelSums* sums) const override {
    pointwise::forward(all_rows(x), gapless(w), pixels_of(y), pointwise::rows_of(y), sums);
  }
  void backward_joined(std::span<const Array> x, const Array& w, const ResultGradient& given_dy,
                       std::span<const Out> given_dx, const Out& given_dw) const override {
    ResultGradient dy = given_dy;
    if (!dy.late && !pointwise::is_rows(dy.array)) dy.array = channels_innermost(dy.array);
    std::vector<Out> dx(given_dx.begin(), given_dx.end());
    std::vector<Rows> rows;
    std::vector<bool> add;
    for (Out& one : dx) {
      if (one.array.defined() && !pointwise::is_rows(one.array)) one = {channels_last_like(one.array), false};
      rows.push_back(one.array.defined() ? pointwise::rows_of(one.array) : Rows{});
      add.push_back(one.accumulate);
    }
    const bool direct = !given_dw.array.defined() || given_dw.array.is_row_major();
    const Out dw = direct ? given_dw : Out{Array::empty(given_dw.array.shape())};
    pointwise::backward(all_rows(x), gapless(w), pixels_of(x[0]), GradientRows(dy), rows, add, dw);
    if (!direct) copy_array(dw.array, given_dw);
    for (std::size_t i = 0; i < dx.size(); ++i)
      if (dx[i].array.defined() && dx[i].array.raw() != given_dx[i].array.raw()) copy_array(dx[i].array, given_dx[i]);
  }

  bool take_gated(const Array& x, const Array& gates, const Array& w) const override {
    return x.dtype() == Dtype::float32 && gates.dtype() == Dtype::float32 && w.dtype() == Dtype::float32 &&
           x.elements() > 0 && x.is_channels_last() && x.shape(1) <= most_gated && !splits(x, w) &&
           x.shape(0) >= threads();  // a picture is one thread's work
  }
  void forward_gated(const Array& x, const Array& gates, const Array& w, const Array& y,
                     ChannelSums* sums) const override {
    gated::forward(x, gapless(gates), gapless(w), y, sums);
  }
  void backward_gated(const Array& x, const Array& gates, const Array& w, const ResultGradient& dy, const Out& dx,
                      const Out& dgates, const Out& dw) const override {
    const bool direct = !dx.array.defined() || dx.array.is_channels_last();
    const Out own_dx = direct ? dx : Out{Array::like(x)};
    const bool direct_w = !dw.array.defined() || dw.array.is_row_major();
    const Out own_dw = direct_w ? dw : Out{Array::empty(dw.array.shape())};
    const Array own_gates = dgates.array.defined() ? Array::empty(gates.shape()) : Array();
    gated::backward(x, gapless(gates), gapless(w), GradientRows(innermost(dy)), own_dx, own_gates, own_dw);
    if (!direct) copy_array(own_dx.array, dx);
    if (!direct_w) copy_array(own_dw.array, dw);
    if (own_gates.defined()) copy_array(own_gates, dgates);
  }

  void statistics(const ChannelSums& sums, std::int64_t count, const BatchNormOptions& options,
                  const Array& running_mean, const Array& running_variance, const Array& mean,
                  const Array& inverse_deviation) const override {
    Parameters parameters(mean.shape(0));
    batch_norm::finish_statistics(parameters, {sums.first, sums.second}, count, options, {}, {}, running_mean,
                                  running_variance, mean, inverse_deviation);
  }
  void normalize(const NormalizedInput& given, const Out& y) const override {
    batch_norm::normalize(given.x, given.options.activation, parameters_of(given), y);
  }

  bool late_pays(const Array& w) const override {
    return w.shape(1) <= most_late && w.shape(0) >= 2 * w.shape(1);  // the result is what is large
  }
  bool take_late(const Array& x, const BatchNormOptions& normalization, const Array& dy) const override {
    return x.dtype() == Dtype::float32 && x.rank() == 4 && x.is_channels_last() && dy.is_channels_last() &&
           x.elements() > 0 && batch_norm::fused_with(normalization.activation).gradient;
  }
  LateNormalization late(const NormalizedInput& given, const Array& dy, const Array& added, const Out& dgamma,
                         const Out& dbeta) const override {
    Parameters parameters = parameters_of(given);
    const Input input{given.x, parameters, batch_norm::fused_with(given.options.activation)};
    const Totals totals =
        added.defined() ? normalized::gradient_sums_pooled(input, dy, added)
                        : Loop(given.x, dy, {}).sums(input.fused.gradient_sums, input.fused.activation, parameters);
    LateNormalization result = finished(given, dy, parameters, totals, dgamma, dbeta);
    result.added = added;
    return result;
  }
  void write(const LateNormalization& late, const Out& dx) const override {
    if (!late.added.defined()) {
      const Fused fused = batch_norm::fused_with(late.input.options.activation);
      return Loop(late.input.x, late.values, dx).write(fused.gradient, fused.activation, parameters_of(late));
    }
    const bool direct = dx.array.is_channels_last() && !dx.accumulate;
    const Array to = direct ? dx.array : Array::like(late.input.x);
    const GradientRows rows(late);
    const std::int64_t channels = rows.channels(), pictures = to.shape(0), pixels = pixels_of(to) / pictures;
    parallel_for(pictures, 1, [&](std::int64_t begin, std::int64_t end) {
      rows.copy(begin * pixels, (end - begin) * pixels, 0, channels, to.data<float>() + begin * pixels * channels,
                channels);
    });
    if (!direct) copy_array(to, dx);
  }

  bool take_pooled(const Array& x, const BatchNormOptions& normalization) const override {
    return take_late(x, normalization, x) && x.shape(0) >= threads();  // a picture is one thread's work
  }
  void normalize_pooled(const NormalizedInput& given, const Array& y, const Array& mean) const override {
    const Parameters parameters = parameters_of(given);
    normalized::forward_pooled({given.x, parameters, batch_norm::fused_with(given.options.activation)}, y, mean);
  }

 private:
  static ResultGradient innermost(const ResultGradient& dy) {
    return dy.late ? dy : ResultGradient{channels_innermost(dy.array), nullptr};
  }
  static LateNormalization finished(const NormalizedInput& input, const Array& values, Parameters& parameters,
                                    const Totals& totals, const Out& dgamma, const Out& dbeta) {
    const std::int64_t channels = parameters.channels();
    batch_norm::finish_gradient(parameters, totals, input.x.elements() / channels, input.gamma, input.inverse_deviation,
                                false, dgamma, dbeta);
    const float *constant = parameters.of(batch_norm::constant), *linear = parameters.of(batch_norm::linear);
    return {input, values, {}, {constant, constant + channels}, {linear, linear + channels}};
  }
  // All gradients but dx. `values`: where the gradient of the normalized values is kept; undefined: nowhere.
  static LateNormalization sums(const NormalizedInput& given, const Array& w, const ResultGradient& dy,
                                const ConvolutionOptions& options, const Array& values, const Out& dw,
                                const Out& dgamma, const Out& dbeta) {
    Parameters parameters = parameters_of(given);
    const Input input{given.x, parameters, batch_norm::fused_with(given.options.activation)};
    const GradientRows rows(dy);
    const bool direct = !dw.array.defined() || dw.array.is_row_major();
    const Out own_dw = direct ? dw : Out{Array::empty(dw.array.shape())};
    const Shape y = dy.late ? dy.late->values.shape() : dy.array.shape();
    const Totals totals = is_pointwise(w, options)
                              ? normalized::backward_pointwise(input, w, rows, values, own_dw)
                              : normalized::backward_depthwise(input, w, rows, y, options, values, own_dw);
    if (!direct) copy_array(own_dw.array, dw);
    return finished(given, values, parameters, totals, dgamma, dbeta);
  }
};

}  // namespace

void register_convolutions() {
  static const Convolutions convolutions;
  register_fused_convolutions(Device::Kind::cpu, convolutions);
}

}  // namespace joist
