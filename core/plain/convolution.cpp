#include <joist/core/plain/plain.h>

#include <vector>

namespace joist::plain {
namespace {

// Calls visit(where in x, where in w, where in y) for every product of a convolution over any number of spatial axes.
template <class Visit>
void for_each_product(const Array& x, const Array& w, const Array& y, const ConvolutionOptions& options,
                      const Visit& visit) {
  struct Tap {
    std::int64_t x, w;
  };
  const auto &across_x = x.strides(), &across_w = w.strides();
  const std::int64_t channels = w.shape(1), out_per_group = w.shape(0) / options.groups;
  const Shape window = w.shape().without(0).without(0);
  std::vector<Tap> taps;  // the kernel's places that lie inside of x
  for_each_index(y.shape(), [&](const Shape& out) {
    taps.clear();
    for_each_index(window, [&](const Shape& k) {
      Tap tap{0, 0};
      for (int i = 0; i < window.rank(); ++i) {
        const std::int64_t from = out[2 + i] * options.stride[i] - options.padding[i] + k[i] * options.dilation[i];
        if (from < 0 || from >= x.shape(2 + i)) return;
        tap.x += from * across_x[2 + i];
        tap.w += k[i] * across_w[2 + i];
      }
      taps.push_back(tap);
    });
    const std::int64_t at_y = offset_of(out, y.strides()), group = out[1] / out_per_group;
    std::int64_t at_x = out[0] * across_x[0] + group * channels * across_x[1], at_w = out[1] * across_w[0];
    for (std::int64_t channel = 0; channel < channels; ++channel, at_x += across_x[1], at_w += across_w[1])
      for (const Tap& tap : taps) visit(at_x + tap.x, at_w + tap.w, at_y);
  });
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  const double *input = x.data<double>(), *weight = w.data<double>();
  auto* sum = total.data<double>();
  for_each_product(x, w, total, options,
                   [=](std::int64_t i, std::int64_t k, std::int64_t o) { sum[o] += input[i] * weight[k]; });
  if (bias.defined()) for_each_index(total.shape(), [&](const Shape& o) { at(total, o) += at(bias, {o[1]}); });
  put(y, total);
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  const double *slope = dy.data<double>(), *weight = w.data<double>();
  auto* sum = total.data<double>();
  for_each_product(total, w, dy, options,
                   [=](std::int64_t i, std::int64_t k, std::int64_t o) { sum[i] += slope[o] * weight[k]; });
  put(dx, total);
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw, const Out& db) {
  const Array total = zeros(dw.array.shape());
  const double *input = x.data<double>(), *slope = dy.data<double>();
  auto* sum = total.data<double>();
  for_each_product(x, total, dy, options,
                   [=](std::int64_t i, std::int64_t k, std::int64_t o) { sum[k] += input[i] * slope[o]; });
  const Array bias_total = zeros({dy.shape(1)});
  for_each_index(dy.shape(), [&](const Shape& o) { at(bias_total, {o[1]}) += at(dy, o); });
  put(dw, total);
  put(db, bias_total);
}

}  // namespace

void fill(ConvolutionKernels& kernels) {
  kernels.forward = forward;
  kernels.backward_input = backward_input;
  kernels.backward_weight = backward_weight;
}

}  // namespace joist::plain
