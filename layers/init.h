// Initial values of parameters. Numbers come from manual_seed(): the same model after the same seed has the same
// weights. Each function makes a Parameter; torch.nn.init.xavier_uniform_(layer.weight) is here
//   layer.weight = init::xavier_uniform(layer.weight.shape());
#pragma once

#include <joist/core/tensor.h>

namespace joist::init {

/// Uniform in [-bound, bound), bound = 1/√fan_in: PyTorch's default for convolutions and linear layers
/// (kaiming_uniform with a = √5). fan_in is the product of all axes but the first.
Parameter fan_in_uniform(const Shape& shape);
/// Uniform with an explicit bound.
Parameter uniform(const Shape& shape, double bound);
/// Uniform in [low, high).
Parameter uniform(const Shape& shape, double low, double high);
/// Normal with standard deviation √(2 / fan_out) (He et al. 2015), fan_out = axis 0 times the kernel's area.
Parameter he_normal_fan_out(const Shape& shape);
Parameter normal(const Shape& shape, double deviation);
Parameter normal(const Shape& shape, double mean, double deviation);
/// Normal, cut off outside [low, high] (absolute values).
Parameter trunc_normal(const Shape& shape, double mean = 0, double deviation = 1, double low = -2, double high = 2);
Parameter constant(const Shape& shape, double value);
Buffer constant_buffer(const Shape& shape, double value);
Parameter ones(const Shape& shape);
Parameter zeros(const Shape& shape);
/// Ones on the diagonal of a matrix.
Parameter eye(const Shape& shape);
/// A convolution [out, in, k1, …] (one to three kernel axes) that passes its channels on, in each of the groups.
Parameter dirac(const Shape& shape, std::int64_t groups = 1);

/// How many inputs and outputs an element of a weight [out, in, k1, …] sees. Throws ShapeError below two axes.
struct Fans {
  double in = 0;
  double out = 0;
};
Fans fans_of(const Shape& shape);

enum class Nonlinearity : std::uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };
/// The factor that keeps the variance behind a nonlinearity: torch.nn.init.calculate_gain. slope: leaky_relu's.
double calculate_gain(Nonlinearity nonlinearity, double slope = 0.01);

/// Uniform with bound gain √(6 / (fan_in + fan_out)), normal with deviation gain √(2 / (fan_in + fan_out)) (Glorot &
/// Bengio 2010).
Parameter xavier_uniform(const Shape& shape, double gain = 1);
Parameter xavier_normal(const Shape& shape, double gain = 1);

enum class Fan : std::uint8_t { in, out };
struct KaimingOptions {
  double slope = 0;  ///< of the leaky_relu behind
  Fan fan = Fan::in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
/// Uniform with bound gain √(3 / fan), normal with deviation gain / √fan (He et al. 2015).
Parameter kaiming_uniform(const Shape& shape, const KaimingOptions& options = {});
Parameter kaiming_normal(const Shape& shape, const KaimingOptions& options = {});

/// Rows, or when those are more the columns, of the matrix [axis 0, rest] orthogonal and of length `gain`, uniformly
/// distributed (Saxe et al. 2014).
Parameter orthogonal(const Shape& shape, double gain = 1);
/// A matrix of normal numbers in each of whose columns the given share, rounded up, is 0 (Martens 2010).
Parameter sparse(const Shape& shape, double sparsity, double deviation = 0.01);

}  // namespace joist::init
