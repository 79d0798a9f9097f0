// What the ways of batch normalization share: a block per channel (batch_norm.cu), channels that lie innermost
// (batch_norm_inside.cu), and of these what is read 16 bytes at a time (batch_norm_vectors.cu).
#pragma once

#include <joist/core/kernels/normalization.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/functions.h>

#include <optional>

namespace joist::cuda {

/// One of the activations that follow a batch norm in practice. Where memory is not read by vectors all are compiled
/// into one kernel: the branch is the same for every thread.
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
    apply([&](const auto& f) { z = scalar::value(f, z); });
    return z;
  }
  JOIST_DEVICE float slope(float z) const {
    apply([&](const auto& f) { z = scalar::slope(f, z); });
    return z;
  }
  /// On the host: calls work(the function).
  template <class Work>
  void visit(const Work& work) const {
    switch (kind) {
      case Kind::identity: return work(Identity{});
      case Kind::relu: return work(Relu{});
      case Kind::leaky_relu: return work(leaky);
      case Kind::clamp: return work(clamp);
      case Kind::silu: return work(Silu{});
      case Kind::hard_swish: return work(HardSwish{});
      case Kind::sigmoid: return work(Sigmoid{});
    }
  }

 private:
  template <class Work>
  JOIST_DEVICE void apply(const Work& work) const {
    switch (kind) {
      case Kind::identity: return work(Identity{});
      case Kind::relu: return work(Relu{});
      case Kind::leaky_relu: return work(leaky);
      case Kind::clamp: return work(clamp);
      case Kind::silu: return work(Silu{});
      case Kind::hard_swish: return work(HardSwish{});
      case Kind::sigmoid: return work(Sigmoid{});
    }
  }
};

/// x with the channels as its last axis, so that elements are counted as they lie.
inline Array channels_behind(const Array& x) {
  Shape shape = x.shape().without(1), strides = x.strides().without(1);
  const int last = shape.rank();
  return x.strided(shape.inserted(last, x.shape(1)), strides.inserted(last, x.strides()[1]));
}
inline bool channels_inside(const Array& x) { return x.shape(1) > 1 && x.strides()[1] == 1; }

/// Two floats per channel of every part of the places, [channel, part] each, and how many places a part has.
struct Parts {
  Array first{}, second{}, counts{};
  Parts() = default;
  Parts(std::int64_t channels, std::int64_t parts, Device device)
      : first(Array::empty({channels, parts}, Dtype::float32, device)),
        second(Array::empty({channels, parts}, Dtype::float32, device)),
        counts(Array::empty({parts}, Dtype::float32, device)) {}
};
/// What backward and forward need of a layer beside the pictures.
struct Normalization {
  Array gamma{}, beta{}, mean{}, deviation{};
  bool variance = false;  ///< `deviation` is a variance, else an inverse deviation
  double epsilon = 0;
  Activation activation{};
};

// ---- channels innermost, any strides else (batch_norm_inside.cu)
/// The batch's statistics of x into mean and inverse_deviation; updates the running ones.
void batch_statistics_inside(const Array& x, const BatchNormOptions& options, const Array& running_mean,
                             const Array& running_variance, const Array& mean, const Array& inverse_deviation);
/// As BatchNormKernels::backward, of x and dy.
void batch_norm_backward_inside(const Array& x, const Array& dy, const Normalization& layer, bool fixed_statistics,
                                const Out& dx, const Out& dgamma, const Out& dbeta);

// ---- channels innermost, read and written 16 bytes at a time (batch_norm_vectors.cu)
/// Whether all arrays may be: of one type, all places one step apart (pictures without gaps, slices of their channels),
/// channels and steps that 16 bytes divide. They have one shape.
bool channels_in_vectors(std::initializer_list<const Array*> arrays);
/// Per part the mean and the sum of squared distances from it.
Parts moments_by_vectors(const Array& x);
/// Per part the sums of dz and of dz · normalized; without counts.
Parts slopes_by_vectors(const Array& x, const Array& dy, const Normalization& layer);
void normalize_by_vectors(const Array& x, const Normalization& layer, const Out& y);
/// totals [2, channels]: the sums of dz and of dz · normalized; undefined: statistics are constants.
void gradient_by_vectors(const Array& x, const Array& dy, const Normalization& layer, const Array& totals,
                         const Out& dx);
/// Most blocks that share the places; for tests, in which few places are to be many for each.
std::int64_t& most_batch_norm_blocks();

}  // namespace joist::cuda
