// Layers whose weight is computed anew in every call. State names are those of torch.nn.utils.parametrizations.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>

#include <cmath>

namespace joist {

namespace detail {

/// The layer with another weight, bias and all else shared.
template <class Layer>
Layer with_weight(const Layer& layer, const Tensor& weight) {
  Layer changed = layer;
  static_cast<Tensor&>(changed.weight) = weight;
  return changed;
}

/// √Σ w² over all axes but one, which keep length 1.
inline Tensor norm_except(const Tensor& w, int axis) {
  Tensor squares = square(w);
  for (int i = 0; i < w.rank(); ++i)
    if (i != axis) squares = sum(squares, {i}, true);
  return sqrt(squares);
}

/// [length of the axis, everything else].
inline Tensor as_matrix(const Tensor& w, int axis) {
  const Tensor front = axis == 0 ? w : transpose(w, 0, axis);
  return reshape(front, {front.shape(0), -1});
}

}  // namespace detail

/// weight = g · v / |v|, the length |v| for each index of an axis (Salimans & Kingma 2016):
/// WeightNorm<Conv2d>{{{.in = 3, .out = 8}}} or WeightNorm{layer}.
template <class Layer>
struct WeightNorm {
  explicit WeightNorm(Layer given, int axis = 0)
      : layer(std::move(given)), along(require_axis("WeightNorm", layer.weight.shape(), axis)) {
    const NoGradient off;
    g = Parameter(detail::norm_except(layer.weight, along).value());
    v = layer.weight;
    layer.weight = Parameter();
  }

  Tensor weight() const { return v * (g / detail::norm_except(v, along)); }
  Tensor operator()(const Tensor& x) const { return detail::with_weight(layer, weight())(x); }
  auto fields() {
    return joist::fields("bias", layer.bias, "parametrizations.weight.original0", g,
                         "parametrizations.weight.original1", v);
  }

  Layer layer;  // without its weight
  int along;
  Parameter g{};  // the weight's shape, but length 1 along all other axes
  Parameter v{};
};

struct SpectralNormOptions {
  int iterations = 1;  ///< of the power method, in every call while training()
  double epsilon = 1e-12;
  int axis = 0;  ///< of the outputs; 1 for transposed convolutions
};

/// weight / σ, its largest singular value estimated by power iterations (Miyato et al. 2018).
template <class Layer>
struct SpectralNorm {
  explicit SpectralNorm(Layer given, const SpectralNormOptions& with = {})
      : layer(std::move(given)), options(with), original(layer.weight) {
    require_positive("SpectralNorm", "iterations", static_cast<std::int64_t>(options.iterations));
    if (!(options.epsilon > 0))
      throw UsageError({.where = "SpectralNorm",
                        .what = "epsilon " + std::to_string(options.epsilon),
                        .expected = "a number above 0",
                        .remedy = "1e-12 is usual"});
    options.axis = require_axis("SpectralNorm", original.shape(), options.axis);
    layer.weight = Parameter();
    const NoGradient off;
    const Tensor matrix = detail::as_matrix(original, options.axis);
    u = Buffer(normalized(init::normal({matrix.shape(0)}, 1)).value());
    v = Buffer(normalized(init::normal({matrix.shape(1)}, 1)).value());
    iterate(matrix, 15);
  }

  Tensor weight() const {
    const Tensor matrix = detail::as_matrix(original, options.axis);
    if (training()) {
      const NoGradient off;
      iterate(Tensor(matrix.value()), options.iterations);
    }
    // Copies: u and v may be iterated again before backward.
    const Tensor left(copy_of(u.value())), right(copy_of(v.value()));
    const Tensor sigma = matmul(reshape(left, {1, -1}), matmul(matrix, reshape(right, {-1, 1})));
    return original / reshape(sigma, Shape{});
  }
  Tensor operator()(const Tensor& x) const { return detail::with_weight(layer, weight())(x); }
  auto fields() {
    return joist::fields("bias", layer.bias, "parametrizations.weight.original", original,
                         "parametrizations.weight.0._u", u, "parametrizations.weight.0._v", v);
  }

  Layer layer;  // without its weight
  SpectralNormOptions options;
  Parameter original;
  Buffer u{}, v{};  // [outputs], [everything else]

 private:
  Tensor normalized(const Tensor& x) const { return x / std::max(std::sqrt(sum(square(x)).item()), options.epsilon); }
  // Writes u and v in place.
  void iterate(const Tensor& matrix, int times) const {
    const auto put = [](const Tensor& from, const Buffer& to) {
      kernels(to.value()).elementwise.copy(from.value(), {to.value(), false});
      to.value().bump_version();
    };
    for (int i = 0; i < times; ++i) {
      put(normalized(reshape(matmul(matrix, reshape(v, {-1, 1})), {-1})), u);
      put(normalized(reshape(matmul(reshape(u, {1, -1}), matrix), {-1})), v);
    }
  }
};

}  // namespace joist
