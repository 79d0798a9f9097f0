// The inner loops of batch normalization, for several instruction sets. A tile is a matrix whose rows are gapless;
// every column has its own parameters (a channel's, repeated for columns of the same channel).
#pragma once

#include <array>
#include <cstdint>
#include <joist/core/cpu/tiles.h>
#include <joist/core/elementwise.h>

namespace joist::batch_norm {

inline constexpr std::int64_t most_columns = 512;  // of one tile

/// With d = x - mean: z = scale * d + shift; dz = (dy + added) * slope(z); dx = scale * dz - (constant + linear * d).
enum Parameter : std::size_t { mean, scale, shift, constant, linear, added, parameter_count };

struct Matrices {
  Tile::Input x{}, dy{};
  float* out = nullptr;
  std::int64_t out_row = 0;
  std::int64_t rows = 0, columns = 0;
  bool accumulate = false;                                ///< out += instead of out =
  bool past_caches = false;                               ///< as in Tile
  std::array<const float*, parameter_count> parameter{};  ///< one number per column each
};

/// first[column] and second[column] grow by two sums over the rows. With past_caches what was read last, x or where
/// there is one dy, is also written to out.
using SumFunction = void (*)(const void* activation, const Matrices&, double* first, double* second);
using WriteFunction = void (*)(const void* activation, const Matrices&);

/// The loops with one activation fused in; null pointers for an activation that is too rare to be fused.
struct Fused {
  WriteFunction normalize = nullptr;    ///< out = activation(z)
  SumFunction gradient_sums = nullptr;  ///< sums of dz and of dz * d
  WriteFunction gradient = nullptr;     ///< out = dx
  const void* activation = nullptr;     ///< lies in the Unary that this was made from
};
Fused fused_with(const Unary& activation);

/// Sums of x - mean and of its square, exact enough for any `mean` whatsoever (parameter `mean` only).
SumFunction moments();

}  // namespace joist::batch_norm
