// Pictures in blocks of pixels: values times gates go into memory that stays in the second-level cache and are
// multiplied there. The loops of batch normalization do it: without mean and shift, scaled by the gates.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/gated_pointwise.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>
#include <vector>

namespace joist::gated {
namespace {

using batch_norm::Matrices;
using batch_norm::most_columns;
using pointwise::block_of;
using pointwise::matrix;
using pointwise::PartialSums;
using pointwise::pixels_of;
using pointwise::Rows;

const Unary identity = Identity{};

// What a tile's columns are multiplied with: the gates of a picture, or ones.
class Factors {
 public:
  explicit Factors(std::int64_t channels)
      : zeros_(static_cast<std::size_t>(channels), 0.0F), ones_(static_cast<std::size_t>(channels), 1.0F) {}
  const float* ones() const { return ones_.data(); }
  // Tiles of at most `width` of `rows`' channels: body(tile without out, first channel).
  template <class Body>
  void for_tiles(const Rows& rows, std::int64_t count, const float* factors, std::int64_t width,
                 const Body& body) const {
    for (std::int64_t column = 0; column < rows.channels; column += width) {
      Matrices tile;
      tile.x = {rows.data + column, rows.row};
      tile.rows = count;
      tile.columns = std::min(width, rows.channels - column);
      tile.parameter.fill(zeros_.data());
      tile.parameter[batch_norm::scale] = factors + column;
      body(tile, column);
    }
  }

 private:
  std::vector<float> zeros_, ones_;
};

// Blocks of a picture's pixels: body(first pixel of all, pixels).
template <class Body>
void for_blocks(std::int64_t picture, std::int64_t pixels, std::int64_t block, const Body& body) {
  const std::int64_t blocks = (pixels + block - 1) / block;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t first = pixels * i / blocks;
    body(picture * pixels + first, pixels * (i + 1) / blocks - first);
  }
}

}  // namespace

void forward(const Array& x, const Array& gates, const Array& w, const Array& y, ChannelSums* sums) {
  const std::int64_t pictures = x.shape(0), pixels = pixels_of(x) / pictures, in = x.shape(1), out = y.shape(1);
  const std::int64_t block = block_of(in);
  const PackedMatrix weights(matrix(w).transposed());
  const Factors factors(in);
  const auto multiply = batch_norm::fused_with(identity);
  const Rows from = pointwise::rows_of(x), to = pointwise::rows_of(y);
  PartialSums partial(sums ? pictures : 0, out);
  const Array scratch = Array::empty({parts_of(pictures, 1), block * in});
  parallel_workers(pictures, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const values = scratch.data<float>() + worker * block * in;
    for (std::int64_t picture = begin; picture < end; ++picture)
      for_blocks(picture, pixels, block, [&](std::int64_t first, std::int64_t rows) {
        factors.for_tiles({from.at(first), from.row, in}, rows, gates.data<float>() + picture * in, most_columns,
                          [&](Matrices tile, std::int64_t column) {
                            tile.out = values + column;
                            tile.out_row = in;
                            multiply.normalize(multiply.activation, tile);
                          });
        ReadAhead ahead;
        ahead.add(from.at(first + rows), std::min(rows, pixels * pictures - first - rows) * in);
        weights.multiply(values, in, rows, to.at(first), to.row, 0, weights.panels(), false, &ahead);
        if (sums) partial.add(picture, {to.at(first), to.row, out}, rows, 0, {});
      });
  });
  if (sums) partial.write(*sums);
}

void backward(const Array& x, const Array& gates, const Array& w, const GradientRows& dy, const Out& dx,
              const Array& dgates, const Out& dw) {
  const std::int64_t pictures = x.shape(0), pixels = pixels_of(x) / pictures, in = x.shape(1), out = dy.channels();
  const std::int64_t block = block_of(in), width = PackedMatrix::panel_columns(), panels = (in + width - 1) / width;
  const PackedMatrix weights(matrix(w));
  const Factors factors(in);
  const auto multiply = batch_norm::fused_with(identity);
  const bool wanted = dw.array.defined();
  const int parts = parts_of(pictures, 1);
  const std::int64_t each = block * (in + panels * width) + dy.scratch(block);
  const Array scratch = Array::empty({parts, each}), sums = Array::empty({wanted ? parts : 0, out, in});
  const Rows from = pointwise::rows_of(x);
  parallel_parts(pictures, 1, [&](int part, std::int64_t begin, std::int64_t end) {
    float* const slopes = scratch.data<float>() + part * each;
    float* const values = slopes + block * in;
    std::vector<double> plain(static_cast<std::size_t>(in)), products(static_cast<std::size_t>(in));
    for (std::int64_t picture = begin; picture < end; ++picture) {
      const float* const gate = gates.data<float>() + picture * in;
      std::fill(products.begin(), products.end(), 0.0);
      for_blocks(picture, pixels, block, [&](std::int64_t first, std::int64_t rows) {
        const Rows below = dy.block(first, rows, values + block * panels * width);
        const Rows here{from.at(first), from.row, in};
        const std::int64_t later = std::min(rows, pixels * pictures - first - rows);
        ReadAhead ahead;
        ahead.add(from.at(first + rows), later * in);
        dy.add_to(ahead, first + rows, later);
        if (dx.array.defined() || dgates.defined())
          weights.multiply(below.data, below.row, rows, slopes, in, 0, weights.panels(), false, &ahead);
        if (dgates.defined())
          factors.for_tiles(here, rows, factors.ones(), most_columns, [&](Matrices tile, std::int64_t column) {
            tile.dy = {slopes + column, in};
            multiply.gradient_sums(multiply.activation, tile, plain.data() + column, products.data() + column);
          });
        if (dx.array.defined())
          factors.for_tiles({slopes, in, in}, rows, gate, most_columns, [&](Matrices tile, std::int64_t column) {
            tile.out = pointwise::rows_of(dx.array).at(first) + column;
            tile.out_row = in;
            tile.accumulate = dx.accumulate;
            multiply.normalize(multiply.activation, tile);
          });
        if (!wanted) return;
        factors.for_tiles(here, rows, gate, width, [&](Matrices tile, std::int64_t column) {
          tile.out = values + column * rows;
          tile.out_row = width;
          multiply.normalize(multiply.activation, tile);
        });
        pointwise::multiply_weight(below, values, rows, in, sums.data<float>() + part * out * in, in,
                                   first > begin * pixels, &ahead);
      });
      if (!dgates.defined()) continue;
      for (std::int64_t i = 0; i < in; ++i)
        dgates.data<float>()[picture * in + i] = static_cast<float>(products[static_cast<std::size_t>(i)]);
    }
  });
  if (wanted) joist::kernels(sums).reduction.sum(sums, 1.0, {matrix(dw.array).inserted(0), dw.accumulate});
}

}  // namespace joist::gated
