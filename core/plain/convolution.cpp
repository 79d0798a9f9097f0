#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// Calls visit(x index, w index, y index) for every product of a convolution over any number of spatial axes.
template <class Visit>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, const ConvolutionOptions& options,
                      Visit&& visit) {
  const std::int64_t out_per_group = w[0] / options.groups;
  for_each_index(y, [&](const Shape& out) {
    const std::int64_t group = out[1] / out_per_group;
    for_each_index(w.without(0), [&](const Shape& k) {
      Shape from = out, weight = w;
      from[1] = group * w[1] + k[0];
      weight[0] = out[1];
      weight[1] = k[0];
      for (int i = 0; i + 2 < x.rank(); ++i) {
        from[2 + i] = out[2 + i] * options.stride[i] - options.padding[i] + k[1 + i] * options.dilation[i];
        weight[2 + i] = k[1 + i];
        if (from[2 + i] < 0 || from[2 + i] >= x[2 + i]) return;
      }
      visit(from, weight, out);
    });
  });
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_product(x.shape(), w.shape(), total.shape(), options,
                   [&](const Shape& i, const Shape& k, const Shape& o) { at(total, o) += at(x, i) * at(w, k); });
  if (bias.defined()) for_each_index(total.shape(), [&](const Shape& o) { at(total, o) += at(bias, {o[1]}); });
  put(y, total);
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_product(total.shape(), w.shape(), dy.shape(), options,
                   [&](const Shape& i, const Shape& k, const Shape& o) { at(total, i) += at(dy, o) * at(w, k); });
  put(dx, total);
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw, const Out& db) {
  const Array total = zeros(dw.array.shape());
  for_each_product(x.shape(), total.shape(), dy.shape(), options,
                   [&](const Shape& i, const Shape& k, const Shape& o) { at(total, k) += at(x, i) * at(dy, o); });
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
