// Activations as layers: plain structs to be named in a model, one per function of core/ops/activation.h and softmax.h,
// named and set as in torch.nn. Where that name is a scalar function of core/elementwise.h (Sigmoid, Softplus, …) the
// layer ends in Layer. Only PReLU has a parameter.
//
//   struct Block {
//     Linear expand{{.in = 8, .out = 32}};
//     GELU activation{};
//     Tensor operator()(const Tensor& x) const { return activation(expand(x)); }
//   };
#pragma once

#include <joist/core/fields.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/reshape.h>

#include <utility>

namespace joist {

/// Any scalar function, chosen at run time: Activation{Sigmoid{}}, Activation{LeakyRelu{.slope = 0.1}}.
struct Activation {
  Unary function{};
  Tensor operator()(const Tensor& x) const { return apply(function, x); }
  auto fields() { return joist::fields(); }
};

struct ReLU {
  Tensor operator()(const Tensor& x) const { return relu(x); }
};
struct ReLU6 {
  Tensor operator()(const Tensor& x) const { return relu6(x); }
};
struct SELU {
  Tensor operator()(const Tensor& x) const { return selu(x); }
};
struct SiLU {
  Tensor operator()(const Tensor& x) const { return silu(x); }
};
struct MishLayer {
  Tensor operator()(const Tensor& x) const { return mish(x); }
};
struct SigmoidLayer {
  Tensor operator()(const Tensor& x) const { return sigmoid(x); }
};
struct LogSigmoidLayer {
  Tensor operator()(const Tensor& x) const { return logsigmoid(x); }
};
struct Tanh {
  Tensor operator()(const Tensor& x) const { return tanh(x); }
};
struct Tanhshrink {
  Tensor operator()(const Tensor& x) const { return tanhshrink(x); }
};
struct SoftsignLayer {
  Tensor operator()(const Tensor& x) const { return softsign(x); }
};
struct Hardsigmoid {
  Tensor operator()(const Tensor& x) const { return hardsigmoid(x); }
};
struct Hardswish {
  Tensor operator()(const Tensor& x) const { return hardswish(x); }
};

struct LeakyReLU {
  double negative_slope = 0.01;
  Tensor operator()(const Tensor& x) const { return leaky_relu(x, negative_slope); }
};
struct ELU {
  double alpha = 1;
  Tensor operator()(const Tensor& x) const { return elu(x, alpha); }
};
struct CELU {
  double alpha = 1;
  Tensor operator()(const Tensor& x) const { return celu(x, alpha); }
};
/// approximate: the tanh form.
struct GELU {
  bool approximate = false;
  Tensor operator()(const Tensor& x) const { return gelu(x, approximate); }
};
struct SoftplusLayer {
  double beta = 1;
  double threshold = 20;
  Tensor operator()(const Tensor& x) const { return softplus(x, beta, threshold); }
};
struct Hardtanh {
  double min_val = -1;
  double max_val = 1;
  Tensor operator()(const Tensor& x) const { return hardtanh(x, min_val, max_val); }
};
struct Hardshrink {
  double lambda = 0.5;
  Tensor operator()(const Tensor& x) const { return hardshrink(x, lambda); }
};
struct Softshrink {
  double lambda = 0.5;
  Tensor operator()(const Tensor& x) const { return softshrink(x, lambda); }
};
/// x where x > threshold, else value.
struct ThresholdLayer {
  double threshold = 0;
  double value = 0;
  Tensor operator()(const Tensor& x) const { return joist::threshold(x, threshold, value); }
};

struct PReLUOptions {
  std::int64_t channels = 1;  ///< 1: one slope for all
  double init = 0.25;
};
/// torch.nn.PReLU: max(x, 0) + weight · min(x, 0).
struct PReLU {
  explicit PReLU(const PReLUOptions& options = {})
      : weight(init::constant({require_positive("PReLU", "channels", options.channels)}, options.init)) {}
  Tensor operator()(const Tensor& x) const { return prelu(x, weight); }
  auto fields() { return joist::fields("weight", weight); }

  Parameter weight;  // [channels]
};

/// torch.nn.RReLU: in training negative numbers times a random slope from [lower, upper), else times the middle one.
struct RReLU {
  double lower = 1.0 / 8, upper = 1.0 / 3;
  Tensor operator()(const Tensor& x) const {
    if (!(lower <= upper))
      throw UsageError({.where = "RReLU",
                        .what = "lower " + std::to_string(lower) + ", upper " + std::to_string(upper),
                        .expected = "lower <= upper",
                        .remedy = "swap them"});
    if (!training()) return leaky_relu(x, (lower + upper) / 2);
    const Dtype dtype = is_floating(x.dtype()) ? x.dtype() : Dtype::float32;  // integers as in leaky_relu
    return where(ge(x, 0), x, x * rand(x.shape(), lower, upper, dtype, x.device()));
  }
};

// ---- along an axis
// ----------------------------------------------------------------------------------------------------
struct Softmax {
  int axis = 1;
  Tensor operator()(const Tensor& x) const { return softmax(x, axis); }
};
struct LogSoftmax {
  int axis = 1;
  Tensor operator()(const Tensor& x) const { return log_softmax(x, axis); }
};
struct Softmin {
  int axis = 1;
  Tensor operator()(const Tensor& x) const { return softmin(x, axis); }
};
struct Sparsemax {
  int axis = 1;
  Tensor operator()(const Tensor& x) const { return sparsemax(x, axis); }
};
struct Softmax2d {
  Tensor operator()(const Tensor& x) const { return softmax_2d(x); }
};
struct GumbelSoftmax {
  double temperature = 1;
  bool hard = false;
  int axis = -1;
  Tensor operator()(const Tensor& x) const { return gumbel_softmax(x, temperature, hard, axis); }
};
struct GLU {
  int axis = -1;
  Tensor operator()(const Tensor& x) const { return glu(x, axis); }
};
struct SwiGLU {
  int axis = -1;
  Tensor operator()(const Tensor& x) const { return swiglu(x, axis); }
};
struct GEGLU {
  int axis = -1;
  Tensor operator()(const Tensor& x) const { return geglu(x, axis); }
};

}  // namespace joist
