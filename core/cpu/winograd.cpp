// y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A for a tile x of (m + 2)x(m + 2) pixels and its mxm results; for m = 2
//        1  0 -1  0          1    0    0
//   Bᵀ = 0  1  1  0    G =  1/2  1/2  1/2    Aᵀ = 1  1  1  0
//        0 -1  1  0         1/2 -1/2  1/2         0  1 -1 -1
//        0  1  0 -1          0    0    1
// and for m = 4 what winograd_transforms-inl.h says. ⊙ sums over the channels, so it is a product of matrices for each
// place: [tiles, in] · [in, out]. The gradient of x is the same convolution of dy with the turned weights; that of w is
// Gᵀ [(Bᵀ x B)ᵀ · (A dy Aᵀ)] G with a product over the tiles.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/split_matrix.h>
#include <joist/core/cpu/winograd.h>
#include <joist/core/cpu/winograd_tiles.h>

#include <algorithm>

namespace joist::winograd {
namespace {

// Floats from one of the matrices to the next: a cache line more than it needs, or all would meet in one set.
std::int64_t apart(std::int64_t rows, std::int64_t columns) { return (rows * columns + 15) / 16 * 16 + 16; }

std::int64_t tiles_of(const Shape& y, int results) {
  return y[0] * ((y[2] + results - 1) / results) * ((y[3] + results - 1) / results);
}

// What tiles of results x results cost, in products of their channels: the tiles' own, and the weights' transforms,
// which take as long as the products of so many tiles.
std::int64_t cost_of(const Shape& y, int results) {
  constexpr std::int64_t weights = 100;
  return places_of(results) * (tiles_of(y, results) + weights);
}
int results_of(const Shape& y) {
  // Without AVX2 direct sums lose less than tiles of 4x4 results may.
  const bool exact = PackedMatrix::panel_columns() < 16;
  return !exact && cost_of(y, 4) < cost_of(y, 2) ? 4 : 2;
}

Grid grid_of(const Shape& x, const Shape& y, const ConvolutionOptions& options) {
  const int results = results_of(y);
  return {.height = x[2],
          .width = x[3],
          .out_height = y[2],
          .out_width = y[3],
          .top = options.padding[0],
          .left = options.padding[1],
          .down = (y[2] + results - 1) / results,
          .across = (y[3] + results - 1) / results,
          .results = results};
}

// Whether tiles of bfloat16 numbers multiply faster: splitting the matrices has to be worth it. Of large tiles of
// results there are fewer products to win.
bool splits(std::int64_t in, std::int64_t out, std::int64_t least) {
  return std::min(in, out) >= least && tiles::exist() && PackedMatrix::panel_columns() == tiles::panel_columns;
}
std::int64_t least_split(int results) { return results == 4 ? 128 : 64; }  // channels
constexpr std::int64_t least_split_gradient = 128;

// Tiles that are transformed together: their matrices should stay in the second-level cache, yet be tall enough that
// reading the weights' does not count.
std::int64_t block_of(std::int64_t count, std::int64_t in, std::int64_t out, int results, bool split) {
  constexpr std::int64_t cache = 1 << 17;                                     // floats
  if (split) return std::min<std::int64_t>(count, results == 4 ? 256 : 128);  // measured with 64 to 256 channels
  const std::int64_t fitting = std::max<std::int64_t>(48, cache / (places_of(results) * (in + out)) / 12 * 12);
  return std::min(count, fitting);
}

struct Weights {
  Array packed;  // [place, panel, in, column of the panel], or split
  std::int64_t apart;
  bool split;
};

// column(n) and depth(k) of w are `across` and `down` floats apart; turned: by half a turn.
Weights transformed(const Array& w, std::int64_t depth, std::int64_t columns, bool turned, int results) {
  const std::int64_t places = places_of(results);
  const std::int64_t panels = (columns + PackedMatrix::panel_columns() - 1) / PackedMatrix::panel_columns();
  const std::int64_t each = apart(panels * depth, PackedMatrix::panel_columns());
  const Array packed = Array::empty({places * each});
  const WeightTransform transform{.w = w.data<float>(),
                                  .to = packed.data<float>(),
                                  .apart = each,
                                  .depth = depth,
                                  .columns = columns,
                                  .down = turned ? columns * 9 : 9,
                                  .across = turned ? 9 : depth * 9,
                                  .turned = turned,
                                  .results = results};
  parallel_for(panels * depth, 1 + 4096 / PackedMatrix::panel_columns(),
               [&](std::int64_t begin, std::int64_t end) { transform_weights(transform, begin, end); });
  if (!splits(depth, columns, least_split(results))) return {packed, each, false};
  const std::int64_t numbers = tiles::split_numbers(depth, columns);
  const Array split = Array::empty({places * numbers}, Dtype::bfloat16);
  parallel_for(places, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t place = begin; place < end; ++place)
      tiles::split_panels(packed.data<float>() + place * each, depth, columns,
                          split.data<BFloat16>() + place * numbers);
  });
  return {split, numbers, true};
}

void convolve(const Array& x, const Weights& weights, const Array& bias, const Grid& grid, const Out& y) {
  const std::int64_t count = x.shape(0) * grid.down * grid.across, in = x.shape(1), out = y.array.shape(1);
  const int parts = parts_of(count, 16);
  const std::int64_t block = block_of((count + parts - 1) / parts, in, out, grid.results, weights.split);
  const Array zeros = Array::empty({in});
  fill_array(0, zeros);
  const Convolution convolution{.grid = grid,
                                .x = x.data<float>(),
                                .zeros = zeros.data<float>(),
                                .weights = weights.split ? nullptr : weights.packed.data<float>(),
                                .bias = bias.defined() ? bias.data<float>() : nullptr,
                                .y = y.array.data<float>(),
                                .in = in,
                                .out = out,
                                .weights_apart = weights.apart,
                                .x_apart = apart(block, in),
                                .y_apart = apart(block, out),
                                .accumulate = y.accumulate,
                                .split_weights = weights.split ? weights.packed.data<BFloat16>() : nullptr};
  const std::int64_t each = places_of(grid.results) * (convolution.x_apart + convolution.y_apart);
  const Array scratch = Array::empty({parts, each});
  parallel_workers(count, block, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const mine = scratch.data<float>() + worker * each;
    for (std::int64_t first = begin; first < end; first += block)
      convolve_tiles(convolution, first, std::min(first + block, end), mine);
  });
}

}  // namespace

bool pays(const Shape& x, const Shape& w, const Shape& y, Dtype dtype, const ConvolutionOptions& options) {
  if (dtype != Dtype::float32 || x.rank() != 4 || w[2] != 3 || w[3] != 3 || options.groups != 1) return false;
  const Shape ones{1, 1};
  if (options.stride != ones || options.dilation != ones) return false;
  if (options.padding[0] > 2 || options.padding[1] > 2) return false;
  // Narrower layers gain nothing from it.
  if (std::min(w[0], w[1]) < PackedMatrix::panel_columns()) return false;
  if (2 * tiles_of(y, 2) >= w[0] + w[1]) return true;
  // In wide layers with few pixels the weights' transforms cost as much as they save (512 channels, 7x7 pixels, batch
  // 16), unless products are slow or the transformed ones are fast.
  const bool slow = PackedMatrix::panel_columns() < 32;
  return (slow || tiles::exist()) && 100 * cost_of(y, results_of(y)) < 85 * 9 * y.elements() / y[1];
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  const Grid grid = grid_of(x.shape(), y.array.shape(), options);
  convolve(x, transformed(w, w.shape(1), w.shape(0), false, grid.results), bias, grid, y);
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  ConvolutionOptions around = options;
  around.padding = {2 - options.padding[0], 2 - options.padding[1]};
  const Grid grid = grid_of(dy.shape(), dx.array.shape(), around);
  convolve(dy, transformed(w, w.shape(0), w.shape(1), true, grid.results), {}, grid, dx);
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw) {
  const Grid grid = grid_of(x.shape(), dy.shape(), options);
  const std::int64_t count = x.shape(0) * grid.down * grid.across, in = x.shape(1), out = dy.shape(1);
  const int parts = parts_of(count, 16);
  const std::int64_t panels = (out + PackedMatrix::panel_columns() - 1) / PackedMatrix::panel_columns();
  const bool split = splits(in, out, least_split_gradient);
  const std::int64_t block =
      block_of((count + parts - 1) / parts, in, panels * PackedMatrix::panel_columns(), grid.results, split);
  const Array zeros = Array::empty({std::max(in, out)});
  fill_array(0, zeros);
  const WeightGradient gradient{.grid = grid,
                                .x = x.data<float>(),
                                .dy = dy.data<float>(),
                                .zeros = zeros.data<float>(),
                                .in = in,
                                .out = out,
                                .x_apart = apart(block, in),
                                .dy_apart = apart(block, panels * PackedMatrix::panel_columns()),
                                .sum_apart = apart(in, out),
                                .split = nullptr};
  const std::int64_t places = places_of(grid.results);
  const std::int64_t each = places * (gradient.x_apart + gradient.dy_apart), sum = places * gradient.sum_apart;
  const Array scratch = Array::empty({parts, each}), sums = Array::empty({parts, sum});
  const std::int64_t numbers = split ? tiles::split_numbers(block, out) : 0;
  const Array room = split ? Array::empty({parts, numbers}, Dtype::bfloat16) : Array{};
  parallel_parts(count, 16, [&](int part, std::int64_t begin, std::int64_t end) {
    WeightGradient mine = gradient;
    if (split) mine.split = room.data<BFloat16>() + part * numbers;
    for (std::int64_t first = begin; first < end; first += block)
      add_weight_gradient(mine, first, std::min(first + block, end), scratch.data<float>() + part * each,
                          sums.data<float>() + part * sum, first > begin);
  });
  parallel_for(in, 1 + 1024 / out, [&](std::int64_t begin, std::int64_t end) {
    write_weight_gradient({.sums = sums.data<float>(),
                           .parts = parts,
                           .part = sum,
                           .apart = gradient.sum_apart,
                           .in = in,
                           .out = out,
                           .dw = dw.array.data<float>(),
                           .accumulate = dw.accumulate,
                           .results = grid.results},
                          begin, end);
  });
}

}  // namespace joist::winograd
