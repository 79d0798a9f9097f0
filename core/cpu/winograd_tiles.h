// What winograd.cpp computes tile by tile, once per instruction set.
#pragma once

#include <joist/core/half.h>

#include <cstdint>

namespace joist::winograd {

/// Places of a transformed tile of which results x results come.
inline constexpr std::int64_t places_of(int results) { return std::int64_t{results + 2} * (results + 2); }

/// The pictures that are read, and the tiles of results x results pixels (2 or 4) of those that come of them.
struct Grid {
  std::int64_t height, width, out_height, out_width;
  std::int64_t top, left;     // padding
  std::int64_t down, across;  // tiles
  int results;
};

struct WeightTransform {
  const float* w;
  float* to;           // [place, panel, depth, column of the panel]
  std::int64_t apart;  // from place to place
  std::int64_t depth, columns;
  std::int64_t down, across;  // floats from row to row, column to column of w
  bool turned;
  int results;
};

struct Convolution {
  Grid grid;
  const float *x, *zeros, *weights, *bias;  // zeros: as many as channels
  float* y;
  std::int64_t in, out;
  std::int64_t weights_apart, x_apart, y_apart;  // from place to place
  bool accumulate;
  const BFloat16* split_weights;  // instead of weights, where tiles multiply (split_matrix.h)
};

struct WeightGradient {
  Grid grid;
  const float *x, *dy, *zeros;
  std::int64_t in, out;
  std::int64_t x_apart, dy_apart, sum_apart;
  BFloat16* split;  // room for a split matrix of dy where tiles multiply
};

struct WeightGradientSums {
  const float* sums;  // [part, place, in, out]
  std::int64_t parts, part, apart, in, out;
  float* dw;  // [out, in, 3, 3]
  bool accumulate;
  int results;
};

/// Rows of panels first … last - 1, counted through all panels.
void transform_weights(const WeightTransform& transform, std::int64_t first, std::int64_t last);
/// `scratch` has room for as many matrices of x and of y as there are places.
void convolve_tiles(const Convolution& convolution, std::int64_t first, std::int64_t last, float* scratch);
void add_weight_gradient(const WeightGradient& gradient, std::int64_t first, std::int64_t last, float* scratch,
                         float* sums, bool accumulate);
/// Input channels first … last - 1.
void write_weight_gradient(const WeightGradientSums& gradient, std::int64_t first, std::int64_t last);

}  // namespace joist::winograd
