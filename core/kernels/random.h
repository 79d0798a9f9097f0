// Random fills and dropout.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/random.h>

namespace joist {

struct RandomKernels {
  /// y = x * keep / (1 - probability); element i (row-major) is kept when uniform_from(word i % 4 of block i / 4) >=
  /// probability. The same call on dy is the backward.
  Kernel<void(const Array& x, double probability, const RandomKey&, const Out& y)> dropout{"dropout"};
  Kernel<void(const RandomKey&, double low, double high, const Array& y)> uniform{"uniform"};
  Kernel<void(const RandomKey&, double mean, double deviation, const Array& y)> normal{"normal"};
  /// y = 1 with probability p (p broadcast to y's shape), else 0, by the same words as dropout: uniform < p.
  Kernel<void(const RandomKey&, const Array& probability, const Array& y)> bernoulli{"bernoulli"};
  /// y (int64) uniform in [low, high): low + word64 % (high - low), word64 of words 2(i % 2), 2(i % 2) + 1 of block i
  /// / 2.
  Kernel<void(const RandomKey&, std::int64_t low, std::int64_t high, const Array& y)> integers{"random_integers"};
};

}  // namespace joist
