// Initial values of parameters. Numbers come from manual_seed(): the same model after the same seed has the same
// weights.
#pragma once

#include <joist/core/tensor.h>

namespace joist::init {

/// Uniform in [-bound, bound), bound = 1/√fan_in: PyTorch's default for convolutions and linear layers
/// (kaiming_uniform with a = √5). fan_in is the product of all axes but the first.
Parameter fan_in_uniform(const Shape& shape);
/// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010) for a matrix [out, in].
Parameter xavier_uniform(const Shape& shape);
/// Uniform with an explicit bound.
Parameter uniform(const Shape& shape, double bound);
/// Normal with standard deviation √(2 / fan_out) (He et al. 2015), fan_out = axis 0 times the kernel's area.
Parameter he_normal_fan_out(const Shape& shape);
Parameter normal(const Shape& shape, double deviation);
Parameter constant(const Shape& shape, double value);
Buffer constant_buffer(const Shape& shape, double value);

}  // namespace joist::init
