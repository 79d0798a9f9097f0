// Blocks of pixels: their values are normalized into memory that stays in the second-level cache and multiplied there.
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/normalized_convolution.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>

namespace joist::normalized {
namespace {

using batch_norm::Matrices;
using batch_norm::most_columns;
using pointwise::block_of;
using pointwise::matrix;
using pointwise::most_groups;
using pointwise::PartialSums;
using pointwise::pixels_of;
using pointwise::Rows;

const float* pixel(const Array& x, std::int64_t number) { return x.data<float>() + number * x.shape(1); }
float* pixel_to(const Array& x, std::int64_t number) { return x.data<float>() + number * x.shape(1); }

// body(tile, first channel of it) for `rows` pixels from `first` on, in tiles of at most `width` channels.
template <class Body>
void for_tiles(const Input& input, std::int64_t first, std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t channels = input.channels();
  for (std::int64_t column = 0; column < channels; column += width)
    body(input.tile(pixel(input.x, first), channels, rows, column, std::min(width, channels - column)), column);
}

void normalize(const Input& input, std::int64_t first, std::int64_t rows, float* to) {
  for_tiles(input, first, rows, most_columns, [&](Matrices tile, std::int64_t column) {
    tile.out = to + column;
    tile.out_row = input.channels();
    input.fused.normalize(input.fused.activation, tile);
  });
}
// The same into panels [panel, pixel, channel of the panel].
void normalize_panels(const Input& input, std::int64_t first, std::int64_t rows, float* to) {
  const std::int64_t width = PackedMatrix::panel_columns();
  for_tiles(input, first, rows, width, [&](Matrices tile, std::int64_t column) {
    tile.out = to + column * rows;
    tile.out_row = width;
    input.fused.normalize(input.fused.activation, tile);
  });
}

}  // namespace

void forward_pointwise(const Input& input, const Array& w, const Array& y, ChannelSums* sums) {
  const std::int64_t pixels = pixels_of(input.x), in = input.channels(), out = y.shape(1), block = block_of(in);
  const PackedMatrix weights(matrix(w).transposed());
  // How many sums there are does not depend on the number of threads, so neither does a result.
  const std::int64_t groups = std::min<std::int64_t>(most_groups, (pixels + block - 1) / block);
  PartialSums partial(sums ? groups : 0, out);
  const Array scratch = Array::empty({parts_of(groups, 1), block * in});
  parallel_workers(groups, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group)
      for (std::int64_t first = pixels * group / groups; first < pixels * (group + 1) / groups; first += block) {
        const std::int64_t rows = std::min(block, pixels * (group + 1) / groups - first);
        float* const values = scratch.data<float>() + worker * block * in;
        normalize(input, first, rows, values);
        ReadAhead ahead;
        ahead.add(pixel(input.x, first + rows), std::min(block, pixels - first - rows) * in);
        weights.multiply(values, in, rows, pixel_to(y, first), out, 0, weights.panels(), false, &ahead);
        if (sums) partial.add(group, {pixel_to(y, first), out, out}, rows, 0, {});
      }
  });
  if (sums) partial.write(*sums);
}

batch_norm::Totals backward_pointwise(const Input& input, const Array& w, const GradientRows& dy, const Array& values,
                                      const Out& dw) {
  const std::int64_t pixels = pixels_of(input.x), in = input.channels(), out = dy.channels(), block = block_of(in);
  const std::int64_t width = PackedMatrix::panel_columns(), panels = (in + width - 1) / width;
  const PackedMatrix weights(matrix(w));
  const int parts = parts_of(pixels, block);
  const std::int64_t each = block * (in + panels * width) + dy.scratch(block);
  const Array scratch = Array::empty({parts, each}), sums = Array::empty({dw.array.defined() ? parts : 0, out, in});
  PartialSums partial(parts, in);
  parallel_parts(pixels, block, [&](int part, std::int64_t begin, std::int64_t end) {
    float* const own = scratch.data<float>() + part * each;
    for (std::int64_t first = begin; first < end; first += block) {
      const std::int64_t rows = std::min(block, end - first);
      float* const slopes = values.defined() ? pixel_to(values, first) : own;
      const Rows below = dy.block(first, rows, own + block * (in + panels * width));
      ReadAhead ahead;
      ahead.add(pixel(input.x, first + rows), std::min(block, end - first - rows) * in);
      dy.add_to(ahead, first + rows, std::min(block, end - first - rows));
      weights.multiply(below.data, below.row, rows, slopes, in, 0, weights.panels(), false, &ahead);
      for_tiles(input, first, rows, most_columns, [&](Matrices tile, std::int64_t column) {
        tile.dy = {slopes + column, in};
        input.fused.gradient_sums(input.fused.activation, tile, partial.first(part) + column,
                                  partial.second(part) + column);
      });
      if (!dw.array.defined()) continue;
      float* const normal = own + block * in;
      normalize_panels(input, first, rows, normal);
      pointwise::multiply_weight(below, normal, rows, in, sums.data<float>() + part * out * in, in, first > begin,
                                 &ahead);
    }
  });
  if (dw.array.defined()) joist::kernels(sums).reduction.sum(sums, 1.0, {matrix(dw.array).inserted(0), dw.accumulate});
  batch_norm::Totals totals;
  partial.write(totals);
  return totals;
}

void backward_pointwise_input(const Input& input, const Array& w, const GradientRows& dy, const Out& dx) {
  const std::int64_t pixels = pixels_of(input.x), in = input.channels(), block = block_of(in);
  const PackedMatrix weights(matrix(w));
  const bool past_caches = outgrows_caches(input.x.elements()) && !dx.accumulate;
  const std::int64_t each = block * in + dy.scratch(block);
  const Array scratch = Array::empty({parts_of(pixels, block), each});
  parallel_workers(pixels, block, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const slopes = scratch.data<float>() + worker * each;
    for (std::int64_t first = begin; first < end; first += block) {
      const std::int64_t rows = std::min(block, end - first);
      const Rows below = dy.block(first, rows, slopes + block * in);
      weights.multiply(below.data, below.row, rows, slopes, in, 0, weights.panels(), false);
      for_tiles(input, first, rows, most_columns, [&](Matrices tile, std::int64_t column) {
        tile.dy = {slopes + column, in};
        tile.out = pixel_to(dx.array, first) + column;
        tile.out_row = in;
        tile.accumulate = dx.accumulate;
        tile.past_caches = past_caches && fills_lines(tile.out, in, tile.columns);
        input.fused.gradient(input.fused.activation, tile);
      });
    }
  });
}

}  // namespace joist::normalized
