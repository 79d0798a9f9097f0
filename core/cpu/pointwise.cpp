#include <joist/core/cpu/batch_norm_tiles.h>
#include <joist/core/cpu/gradient_rows.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/pointwise.h>

#include <array>

namespace joist::pointwise {
namespace {

using batch_norm::Matrices;
using batch_norm::most_columns;

// The first channel of each part among all, and their number at the end.
std::vector<std::int64_t> bounds_of(std::span<const Rows> x) {
  std::vector<std::int64_t> bounds{0};
  for (const Rows& part : x) bounds.push_back(bounds.back() + part.channels);
  return bounds;
}

// Rows into panels [panel, pixel, channel of the panel].
void pack_panels(const Rows& x, std::int64_t first, std::int64_t rows, float* to) {
  const std::int64_t width = PackedMatrix::panel_columns();
  for (std::int64_t column = 0; column < x.channels; column += width)
    for (std::int64_t i = 0; i < rows; ++i)
      std::copy_n(x.at(first + i) + column, std::min(width, x.channels - column), to + column * rows + i * width);
}

}  // namespace

void PartialSums::add(std::int64_t part, const Rows& values, std::int64_t count, std::int64_t channel,
                      const Rows& past_caches) {
  static constexpr std::array<float, most_columns> zeros{};
  for (std::int64_t column = 0; column < values.channels; column += most_columns) {
    Matrices tile;
    tile.x = {values.data + column, values.row};
    tile.past_caches = past_caches.data != nullptr;
    if (tile.past_caches) tile.out = past_caches.data + column;
    tile.out_row = past_caches.row;
    tile.rows = count;
    tile.columns = std::min(most_columns, values.channels - column);
    tile.parameter[batch_norm::mean] = zeros.data();
    batch_norm::moments()(nullptr, tile, first(part) + channel + column, second(part) + channel + column);
  }
}

void multiply_weight(const Rows& dy, const float* panels, std::int64_t count, std::int64_t columns, float* dw,
                     std::int64_t row, bool accumulate, ReadAhead* ahead) {
  const std::int64_t width = PackedMatrix::panel_columns();
  multiply_packed({.a = dy.data,
                   .panel = panels,
                   .y = dw,
                   .a_row = 1,
                   .a_step = dy.row,
                   .y_row = row,
                   .depth = count,
                   .columns = columns,
                   .accumulate = accumulate,
                   .ahead = ahead},
                  dy.channels, 0, (columns + width - 1) / width);
}

Rows rows_of(const Array& x) {
  for (const int axis : {3, 2, 0})
    if (x.shape(axis) > 1) return {x.data<float>(), x.strides()[axis], x.shape(1)};
  return {x.data<float>(), x.shape(1), x.shape(1)};
}

bool is_rows(const Array& x) {
  if (x.rank() != 4 || (x.shape(1) > 1 && x.strides()[1] != 1)) return false;
  const std::int64_t apart = rows_of(x).row;
  std::int64_t pixels = 1;
  for (const int axis : {3, 2, 0}) {
    if (x.shape(axis) > 1 && x.strides()[axis] != pixels * apart) return false;
    pixels *= x.shape(axis);
  }
  return apart >= x.shape(1);
}

void forward(std::span<const Rows> x, const Array& w, std::int64_t pixels, const Rows& y, ChannelSums* sums) {
  const std::vector<std::int64_t> bounds = bounds_of(x);
  std::vector<PackedMatrix> weights;
  for (std::size_t i = 0; i < x.size(); ++i)
    weights.emplace_back(matrix(w).sliced(1, bounds[i], bounds[i + 1]).transposed());
  const std::int64_t block = block_of(bounds.back()), out = y.channels;
  // How many sums there are does not depend on the number of threads, so neither does a result.
  const std::int64_t groups = std::min(most_groups, (pixels + block - 1) / block);
  PartialSums partial(sums ? groups : 0, out);
  const bool past = sums && outgrows_caches(pixels * out) && fills_lines(y.data, y.row, out);
  const Array scratch = Array::empty({past ? parts_of(groups, 1) : 0, block * out});
  parallel_workers(groups, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group)
      for (std::int64_t first = pixels * group / groups; first < pixels * (group + 1) / groups; first += block) {
        const std::int64_t rows = std::min(block, pixels * (group + 1) / groups - first);
        const Rows to{y.at(first), y.row, out};
        const Rows now = past ? Rows{scratch.data<float>() + worker * block * out, out, out} : to;
        for (std::size_t i = 0; i < x.size(); ++i)
          weights[i].multiply(x[i].at(first), x[i].row, rows, now.data, now.row, 0, weights[i].panels(), i > 0);
        if (sums) partial.add(group, now, rows, 0, past ? to : Rows{});
      }
  });
  if (sums) partial.write(*sums);
}

void backward(std::span<const Rows> x, const Array& w, std::int64_t pixels, const GradientRows& dy,
              std::span<const Rows> dx, const std::vector<bool>& add, const Out& dw) {
  const std::vector<std::int64_t> bounds = bounds_of(x);
  const std::int64_t in = bounds.back(), out = dy.channels(), block = block_of(in),
                     width = PackedMatrix::panel_columns();
  std::vector<PackedMatrix> weights;
  std::int64_t widest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    weights.push_back(dx[i].data ? PackedMatrix(matrix(w).sliced(1, bounds[i], bounds[i + 1])) : PackedMatrix());
    widest = std::max(widest, (x[i].channels + width - 1) / width * width);
  }
  const bool wanted = dw.array.defined();
  const int parts = parts_of(pixels, block);
  const std::int64_t computed = dy.scratch(block), each = computed + (wanted ? block * widest : 0);
  const Array scratch = Array::empty({parts, each}), sums = Array::empty({wanted ? parts : 0, out, in});
  parallel_parts(pixels, block, [&](int part, std::int64_t begin, std::int64_t end) {
    float* const own = scratch.data<float>() + part * each;
    float* const panels = own + computed;
    for (std::int64_t first = begin; first < end; first += block) {
      const std::int64_t rows = std::min(block, end - first);
      const Rows slopes = dy.block(first, rows, own);
      ReadAhead ahead;
      dy.add_to(ahead, first + rows, std::min(block, end - first - rows));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (dx[i].data)
          weights[i].multiply(slopes.data, slopes.row, rows, dx[i].at(first), dx[i].row, 0, weights[i].panels(), add[i],
                              &ahead);
        if (!wanted) continue;
        pack_panels(x[i], first, rows, panels);
        multiply_weight(slopes, panels, rows, x[i].channels, sums.data<float>() + part * out * in + bounds[i], in,
                        first > begin, &ahead);
      }
    }
  });
  if (wanted) joist::kernels(sums).reduction.sum(sums, 1.0, {matrix(dw.array).inserted(0), dw.accumulate});
}

}  // namespace joist::pointwise
