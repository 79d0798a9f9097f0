// What the two ways of batch normalization share: a block per channel (batch_norm.cu), and channels that lie innermost
// (batch_norm_inside.cu).
#pragma once

#include <joist/core/kernels/normalization.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/functions.h>

#include <optional>

namespace joist::cuda {

/// One of the activations that follow a batch norm in practice. All are compiled into one kernel: the branch is the
/// same for every thread.
struct Activation {
  enum class Kind : std::uint8_t { identity, relu, leaky_relu, clamp, silu, hard_swish, sigmoid };
  Kind kind = Kind::identity;
  LeakyRelu leaky{};
  Clamp clamp{};

  static std::optional<Activation> of(const Unary& f) {
    if (std::holds_alternative<Identity>(f)) return Activation{Kind::identity};
    if (std::holds_alternative<Relu>(f)) return Activation{Kind::relu};
    if (const auto* leaky = std::get_if<LeakyRelu>(&f)) return Activation{Kind::leaky_relu, *leaky};
    if (const auto* clamp = std::get_if<Clamp>(&f)) return Activation{Kind::clamp, {}, *clamp};
    if (std::holds_alternative<Silu>(f)) return Activation{Kind::silu};
    if (std::holds_alternative<HardSwish>(f)) return Activation{Kind::hard_swish};
    if (std::holds_alternative<Sigmoid>(f)) return Activation{Kind::sigmoid};
    return {};
  }
  JOIST_DEVICE float value(float z) const {
    switch (kind) {
      case Kind::identity: return z;
      case Kind::relu: return scalar::value(Relu{}, z);
      case Kind::leaky_relu: return scalar::value(leaky, z);
      case Kind::clamp: return scalar::value(clamp, z);
      case Kind::silu: return scalar::value(Silu{}, z);
      case Kind::hard_swish: return scalar::value(HardSwish{}, z);
      case Kind::sigmoid: return scalar::value(Sigmoid{}, z);
    }
    return z;
  }
  JOIST_DEVICE float slope(float z) const {
    switch (kind) {
      case Kind::identity: return 1;
      case Kind::relu: return scalar::slope(Relu{}, z);
      case Kind::leaky_relu: return scalar::slope(leaky, z);
      case Kind::clamp: return scalar::slope(clamp, z);
      case Kind::silu: return scalar::slope(Silu{}, z);
      case Kind::hard_swish: return scalar::slope(HardSwish{}, z);
      case Kind::sigmoid: return scalar::slope(Sigmoid{}, z);
    }
    return 1;
  }
};

/// x with the channels as its last axis, so that elements are counted as they lie.
inline Array channels_behind(const Array& x) {
  Shape shape = x.shape().without(1), strides = x.strides().without(1);
  const int last = shape.rank();
  return x.strided(shape.inserted(last, x.shape(1)), strides.inserted(last, x.strides()[1]));
}
inline bool channels_inside(const Array& x) { return x.shape(1) > 1 && x.strides()[1] == 1; }

/// The batch's statistics of x with channels innermost, into mean and inverse_deviation; updates the running ones.
void batch_statistics_inside(const Array& x, const BatchNormOptions& options, const Array& running_mean,
                             const Array& running_variance, const Array& mean, const Array& inverse_deviation);
/// As BatchNormKernels::backward, of x and dy with channels innermost.
void batch_norm_backward_inside(const Array& x, const Array& dy, const Array& gamma, const Array& beta,
                                const Array& mean, const Array& inverse_deviation, const Activation& activation,
                                bool fixed_statistics, const Out& dx, const Out& dgamma, const Out& dbeta);

}  // namespace joist::cuda
