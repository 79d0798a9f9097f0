// Layer norm with rows in registers, and its sums over rows with lanes as columns.
#pragma once

#include <joist/cuda/packed_rows.h>

#include <cmath>

namespace joist::cuda {

/// Whether rows of [rows, length] are packs of four neighbours; a vector, which may be undefined.
inline bool has_four_rows(const Array& x) {
  return x.strides()[1] == 1 && (x.shape(0) == 1 || x.strides()[0] % 4 == 0) && has_fours(x);
}
inline bool has_four_columns(const Array& vector) {
  return !vector.defined() || (vector.strides()[0] == 1 && has_fours(vector));
}

struct FourRows {
  Fours memory{};
  std::int64_t apart = 0;
  explicit FourRows(const Array& x) : memory(x), apart(x.strides()[0]) {}
  JOIST_DEVICE void read(std::int64_t row, std::int64_t i, float (&x)[4]) const { memory.read(row * apart + i, x); }
  /// The thread's packs of a row, zeros behind its end.
  template <class Packs>
  JOIST_DEVICE void read_row(Block& block, std::int64_t row, std::int64_t length, float (&x)[Packs::takes][4]) const {
    memory.read_all([&](int u) { return row * apart + Packs::first_of(block, u); },
                    [&](int u) { return Packs::first_of(block, u) < length; }, x);
  }
  JOIST_DEVICE void write(std::int64_t row, std::int64_t i, const float (&x)[4]) const {
    memory.write(row * apart + i, x);
  }
};
/// A number for every row; undefined: none.
struct RowNumbers {
  Floats numbers{};
  std::int64_t step = 0;
  RowNumbers() = default;
  explicit RowNumbers(const Array& vector) : numbers(vector), step(vector.defined() ? vector.strides()[0] : 0) {}
  JOIST_DEVICE float get(std::int64_t row, float otherwise) const {
    return numbers.defined() ? numbers[row * step] : otherwise;
  }
};

// The variance is that of differences from the mean.
template <class Packs>
struct PackedLayerNorm {
  std::int64_t rows, length;
  FourRows x;
  Fours gamma, beta;
  FourRows y;
  RowNumbers mean, inverse;
  float epsilon;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(length);
    Packs::each_row(block, rows, [&](std::int64_t row) {
      float v[Packs::takes][4], own = 0;
      x.read_row<Packs>(block, row, length, v);
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) { JOIST_UNROLL for (int k = 0; k < 4; ++k) own += v[u][k]; }
      const bool centered = mean.numbers.defined();
      const float center = centered ? Packs::fold_row(block, room, own, Plus{}) / n : 0.0F;
      own = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        if (Packs::first_of(block, u) >= length) continue;
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          v[u][k] -= center;
          own += v[u][k] * v[u][k];
        }
      }
      const float scale = 1 / std::sqrt(Packs::fold_row(block, room, own, Plus{}) / n + epsilon);
      if (Packs::first_of(block, 0) == 0) {
        if (centered) mean.numbers.set(row * mean.step, center);
        inverse.numbers.set(row * inverse.step, scale);
      }
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= length) continue;
        float g[4] = {1, 1, 1, 1}, b[4] = {};
        if (gamma.defined()) gamma.read(j, g);
        if (beta.defined()) beta.read(j, b);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) v[u][k] = g[k] * v[u][k] * scale + b[k];
        y.write(row, j, v[u]);
      }
    });
  }
};

// dx = (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)) / deviation
template <class Packs>
struct PackedLayerNormBackward {
  std::int64_t rows, length;
  FourRows x, dy;
  Fours gamma;
  RowNumbers mean, inverse;
  FourRows dx;
  bool accumulate;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(length);
    Packs::each_row(block, rows, [&](std::int64_t row) {
      float v[Packs::takes][4], g[Packs::takes][4];  // x̂ and γ dy
      x.read_row<Packs>(block, row, length, v);
      dy.read_row<Packs>(block, row, length, g);
      const float center = mean.get(row, 0), scale = inverse.get(row, 1);
      float slopes = 0, products = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= length) continue;
        float factor[4] = {1, 1, 1, 1};
        if (gamma.defined()) gamma.read(j, factor);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          v[u][k] = (v[u][k] - center) * scale;
          g[u][k] *= factor[k];
          slopes += g[u][k];
          products += g[u][k] * v[u][k];
        }
      }
      const float slope_mean = mean.numbers.defined() ? Packs::fold_row(block, room, slopes, Plus{}) / n : 0.0F;
      const float product_mean = Packs::fold_row(block, room, products, Plus{}) / n;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= length) continue;
        float old[4] = {};
        if (accumulate) dx.read(row, j, old);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) g[u][k] =
            old[k] + scale * (g[u][k] - slope_mean - v[u][k] * product_mean);
        dx.write(row, j, g[u]);
      }
    });
  }
};

/// Parts of Σ dy x̂ and Σ dy over the rows: a lane for four columns, the block's warps side by side through a slice of
/// the rows. parts [slices, 2, length].
struct ColumnParts {
  std::int64_t rows, length, slice, column_blocks;
  FourRows x, dy;
  RowNumbers mean, inverse;
  Floats parts{};

  ColumnParts(const Array& given_x, const Array& given_dy, const Array& given_mean, const Array& given_inverse)
      : rows(given_x.shape(0)),
        length(given_x.shape(1)),
        slice(0),
        column_blocks((length / 4 + 31) / 32),
        x(given_x),
        dy(given_dy),
        mean(given_mean),
        inverse(given_inverse) {
    slice = std::clamp<std::int64_t>(rows * column_blocks / 512, 8, 128);
  }
  Array run(const char* name, Device device) const {
    const std::int64_t slices = (rows + slice - 1) / slice;
    const Array made = Array::empty({slices, 2, length}, Dtype::float32, device);
    ColumnParts body = *this;
    body.parts = Floats(made);
    launch(name, {.blocks = column_blocks * slices, .threads = 256, .shared_bytes = 256 * 8 * 4}, body);
    return made;
  }

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(256 * 8);  // [warp, 8 sums, lane]
    const std::int64_t s = block.index() / column_blocks, columns = (block.index() - s * column_blocks) * 32;
    const std::int64_t j = (columns + block.lane()) * 4, end = (s + 1) * slice < rows ? (s + 1) * slice : rows;
    float products[4] = {}, slopes[4] = {};
    if (j < length)
      for (std::int64_t row = s * slice + block.warp(); row < end; row += block.warps()) {
        float v[4], g[4];
        x.read(row, j, v);
        dy.read(row, j, g);
        const float center = mean.get(row, 0), scale = inverse.get(row, 1);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          products[k] += g[k] * (v[k] - center) * scale;
          slopes[k] += g[k];
        }
      }
    JOIST_UNROLL for (int k = 0; k < 4; ++k) {
      room[(block.warp() * 8 + k) * 32 + block.lane()] = products[k];
      room[(block.warp() * 8 + 4 + k) * 32 + block.lane()] = slopes[k];
    }
    block.sync();
    // Eight warps, eight sums.
    const std::int64_t column = j + block.warp() % 4;
    float total = 0;
    for (int warp = 0; warp < 8; ++warp) total += room[(warp * 8 + block.warp()) * 32 + block.lane()];
    if (j < length) parts.set((s * 2 + block.warp() / 4) * length + column, total);
  }
};

}  // namespace joist::cuda
