#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/split_matrix.h>
#include <joist/core/cpu/winograd_tiles.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/winograd_tiles.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/panel_product-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using winograd::Convolution;
using winograd::Grid;
using winograd::WeightGradient;
using winograd::WeightGradientSums;
using winograd::WeightTransform;

constexpr int places = 16;

// G w Gᵀ of 3x3 registers.
HWY_INLINE void transform_kernel(const Lanes (&w)[9], Lanes (&u)[places]) {
  const Lanes half(0.5F);
  Lanes rows[12];
  for (int s = 0; s < 3; ++s) {
    const Lanes outer = (w[s] + w[6 + s]) * half, inner = w[3 + s] * half;
    rows[s] = w[s];
    rows[3 + s] = outer + inner;
    rows[6 + s] = outer - inner;
    rows[9 + s] = w[6 + s];
  }
  for (int r = 0; r < 4; ++r) {
    const Lanes* row = rows + 3 * r;
    const Lanes outer = (row[0] + row[2]) * half, inner = row[1] * half;
    u[4 * r] = row[0];
    u[4 * r + 1] = outer + inner;
    u[4 * r + 2] = outer - inner;
    u[4 * r + 3] = row[2];
  }
}

void transform_rows(const WeightTransform& t, std::int64_t first, std::int64_t last) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  HWY_ALIGN std::int32_t index[hn::MaxLanes(FloatTag())];
  for (std::int64_t row = first; row < last; ++row) {
    const std::int64_t panel = row / t.depth, k = row % t.depth;
    for (int v = 0; v < 2; ++v) {
      const std::int64_t column = panel * panel_width() + v * lanes();
      // Columns beyond the last are never read; they repeat it.
      const std::int64_t begin = std::min(column, t.columns - 1);
      for (std::int64_t i = 0; i < lanes(); ++i)
        index[i] = static_cast<std::int32_t>(std::min(i, t.columns - 1 - begin) * t.across);
      const auto at = hn::Load(di, index);
      const float* from = t.w + k * t.down + begin * t.across;
      Lanes w[9], u[places];
      for (int i = 0; i < 9; ++i) w[i] = hn::GatherIndex(d, from + (t.turned ? 8 - i : i), at);
      transform_kernel(w, u);
      float* to = t.to + row * panel_width() + v * lanes();
      for (int i = 0; i < places; ++i) store(u[i], to + i * t.apart);
    }
  }
}

// Where a tile lies.
struct Place {
  std::int64_t picture, y, x;  // of its first pixel in the results
};

HWY_INLINE Place place_of(const Grid& grid, std::int64_t tile) {
  const std::int64_t row = tile / grid.across;
  return {row / grid.down, 2 * (row % grid.down), 2 * (tile % grid.across)};
}

// The 4x4 pixels that a tile reads; those in the padding are zeros.
HWY_INLINE void pixels_of(const Grid& grid, const Place& place, const float* x, std::int64_t channels,
                          const float* zeros, const float* (&pixels)[places]) {
  for (int r = 0; r < 4; ++r) {
    const std::int64_t y = place.y - grid.top + r;
    const bool inside = y >= 0 && y < grid.height;
    const float* row = x + (place.picture * grid.height + y) * grid.width * channels;
    for (int s = 0; s < 4; ++s) {
      const std::int64_t column = place.x - grid.left + s;
      pixels[4 * r + s] = inside && column >= 0 && column < grid.width ? row + column * channels : zeros;
    }
  }
}

// Bᵀ x B of one tile into 16 matrices.
HWY_INLINE void transform_pixels(const float* const (&pixels)[places], std::int64_t channels, float* to,
                                 std::int64_t apart) {
  for (std::int64_t c = 0; c < channels; c += lanes()) {
    const std::int64_t left = channels - c;
    Lanes rows[places];
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      const Lanes x0 = load_up_to(pixels[s] + c, left), x1 = load_up_to(pixels[4 + s] + c, left),
                  x2 = load_up_to(pixels[8 + s] + c, left), x3 = load_up_to(pixels[12 + s] + c, left);
      rows[s] = x0 - x2;
      rows[4 + s] = x1 + x2;
      rows[8 + s] = x2 - x1;
      rows[12 + s] = x1 - x3;
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const Lanes* row = rows + 4 * r;
      float* out = to + 4 * r * apart + c;
      store_up_to(row[0] - row[2], out, left);
      store_up_to(row[1] + row[2], out + apart, left);
      store_up_to(row[2] - row[1], out + 2 * apart, left);
      store_up_to(row[1] - row[3], out + 3 * apart, left);
    }
  }
}

void transform_tiles(const Grid& grid, const float* x, std::int64_t channels, const float* zeros, std::int64_t first,
                     std::int64_t last, float* to, std::int64_t apart) {
  for (std::int64_t tile = first; tile < last; ++tile) {
    const float* pixels[places];
    pixels_of(grid, place_of(grid, tile), x, channels, zeros, pixels);
    transform_pixels(pixels, channels, to + (tile - first) * channels, apart);
  }
}

// Aᵀ m A of one tile and its bias.
HWY_INLINE void write_tile(const Convolution& c, const Place& place, const float* m) {
  const Grid& grid = c.grid;
  const std::int64_t row = grid.out_width * c.out;
  float* const y = c.y + (place.picture * grid.out_height + place.y) * row + place.x * c.out;
  const bool below = place.y + 1 < grid.out_height, beside = place.x + 1 < grid.out_width;
  for (std::int64_t o = 0; o < c.out; o += lanes()) {
    const std::int64_t left = c.out - o;
    Lanes top[4], bottom[4];
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      const float* from = m + s * c.y_apart + o;
      const Lanes m0 = load_up_to(from, left), m1 = load_up_to(from + 4 * c.y_apart, left),
                  m2 = load_up_to(from + 8 * c.y_apart, left), m3 = load_up_to(from + 12 * c.y_apart, left);
      top[s] = m0 + (m1 + m2);
      bottom[s] = (m1 - m2) - m3;
    }
    const Lanes bias = c.bias ? load_up_to(c.bias + o, left) : Lanes(0.0F);
    const auto put = [&](Lanes value, float* to) HWY_ATTR {
      value = value + bias;
      if (c.accumulate) value = load_up_to(to, left) + value;
      store_up_to(value, to, left);
    };
    put(top[0] + (top[1] + top[2]), y + o);
    if (beside) put((top[1] - top[2]) - top[3], y + c.out + o);
    if (!below) continue;
    put(bottom[0] + (bottom[1] + bottom[2]), y + row + o);
    if (beside) put((bottom[1] - bottom[2]) - bottom[3], y + row + c.out + o);
  }
}

void convolve(const Convolution& c, std::int64_t first, std::int64_t last, float* scratch) {
  float* const x = scratch;
  float* const y = scratch + places * c.x_apart;
  transform_tiles(c.grid, c.x, c.in, c.zeros, first, last, x, c.x_apart);
  const std::int64_t panels = (c.out + panel_width() - 1) / panel_width();
  for (int i = 0; i < places; ++i) {
    if (c.split_weights) {
      tiles::multiply({.a = x + i * c.x_apart,
                       .a_row = c.in,
                       .rows = last - first,
                       .depth = c.in,
                       .columns = c.out,
                       .b = c.split_weights + i * c.weights_apart,
                       .y = y + i * c.y_apart,
                       .y_row = c.out});
      continue;
    }
    multiply_panels({.a = x + i * c.x_apart,
                     .panel = c.weights + i * c.weights_apart,
                     .y = y + i * c.y_apart,
                     .a_row = c.in,
                     .y_row = c.out,
                     .depth = c.in,
                     .columns = c.out},
                    last - first, 0, panels);
  }
  for (std::int64_t tile = first; tile < last; ++tile)
    write_tile(c, place_of(c.grid, tile), y + (tile - first) * c.out);
}

// A dy Aᵀ of one tile into 16 matrices of panels.
HWY_INLINE void spread_tile(const WeightGradient& g, const Place& place, float* to, std::int64_t tiles) {
  const Grid& grid = g.grid;
  const std::int64_t row = grid.out_width * g.out;
  const float* const dy = g.dy + (place.picture * grid.out_height + place.y) * row + place.x * g.out;
  const bool below = place.y + 1 < grid.out_height, beside = place.x + 1 < grid.out_width;
  const float* const pixels[4] = {dy, beside ? dy + g.out : g.zeros, below ? dy + row : g.zeros,
                                  below && beside ? dy + row + g.out : g.zeros};
  for (std::int64_t o = 0; o < g.out; o += lanes()) {
    const std::int64_t left = g.out - o;
    const Lanes p0 = load_up_to(pixels[0] + o, left), p1 = load_up_to(pixels[1] + o, left),
                p2 = load_up_to(pixels[2] + o, left), p3 = load_up_to(pixels[3] + o, left);
    const Lanes first[4] = {p0, p0 + p2, p0 - p2, Lanes(0.0F) - p2};
    const Lanes second[4] = {p1, p1 + p3, p1 - p3, Lanes(0.0F) - p3};
    float* out = to + o / panel_width() * panel_width() * tiles + o % panel_width();
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      store(first[r], out + 4 * r * g.dy_apart);
      store(first[r] + second[r], out + (4 * r + 1) * g.dy_apart);
      store(first[r] - second[r], out + (4 * r + 2) * g.dy_apart);
      store(Lanes(0.0F) - second[r], out + (4 * r + 3) * g.dy_apart);
    }
  }
}

void add_gradient(const WeightGradient& g, std::int64_t first, std::int64_t last, float* scratch, float* sums,
                  bool accumulate) {
  float* const x = scratch;
  float* const dy = scratch + places * g.x_apart;
  const std::int64_t count = last - first;
  transform_tiles(g.grid, g.x, g.in, g.zeros, first, last, x, g.x_apart);
  for (std::int64_t tile = first; tile < last; ++tile)
    spread_tile(g, place_of(g.grid, tile), dy + (tile - first) * panel_width(), count);
  const std::int64_t panels = (g.out + panel_width() - 1) / panel_width();
  for (int i = 0; i < places; ++i) {
    if (g.split) {
      tiles::split_panels(dy + i * g.dy_apart, count, g.out, g.split);
      tiles::multiply({.a = x + i * g.x_apart,
                       .a_row = 1,
                       .a_step = g.in,
                       .rows = g.in,
                       .depth = count,
                       .columns = g.out,
                       .b = g.split,
                       .y = sums + i * g.sum_apart,
                       .y_row = g.out,
                       .accumulate = accumulate});
      continue;
    }
    multiply_panels({.a = x + i * g.x_apart,
                     .panel = dy + i * g.dy_apart,
                     .y = sums + i * g.sum_apart,
                     .a_row = 1,
                     .a_step = g.in,
                     .y_row = g.out,
                     .depth = count,
                     .columns = g.out,
                     .accumulate = accumulate},
                    g.in, 0, panels);
  }
}

// Gᵀ s G of the sums of all parts.
void write_gradient(const WeightGradientSums& g, std::int64_t first, std::int64_t last) {
  const Lanes half(0.5F);
  HWY_ALIGN float lane[9][hn::MaxLanes(FloatTag())];
  for (std::int64_t i = first; i < last; ++i)
    for (std::int64_t o = 0; o < g.out; o += lanes()) {
      const std::int64_t left = g.out - o, count = std::min(left, lanes());
      Lanes s[places];
      for (int k = 0; k < places; ++k) {
        const float* from = g.sums + k * g.apart + i * g.out + o;
        s[k] = load_up_to(from, left);
        for (std::int64_t part = 1; part < g.parts; ++part) s[k] = s[k] + load_up_to(from + part * g.part, left);
      }
      Lanes rows[12];
      for (int c = 0; c < 4; ++c) {
        const Lanes sum = (s[4 + c] + s[8 + c]) * half;
        rows[c] = s[c] + sum;
        rows[4 + c] = (s[4 + c] - s[8 + c]) * half;
        rows[8 + c] = sum + s[12 + c];
      }
      for (int r = 0; r < 3; ++r) {
        const Lanes* row = rows + 4 * r;
        const Lanes sum = (row[1] + row[2]) * half;
        hn::Store((row[0] + sum).v, FloatTag(), lane[3 * r]);
        hn::Store(((row[1] - row[2]) * half).v, FloatTag(), lane[3 * r + 1]);
        hn::Store((sum + row[3]).v, FloatTag(), lane[3 * r + 2]);
      }
      for (std::int64_t l = 0; l < count; ++l) {
        float* dw = g.dw + ((o + l) * g.in + i) * 9;
        for (int k = 0; k < 9; ++k) dw[k] = g.accumulate ? dw[k] + lane[k][l] : lane[k][l];
      }
    }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(transform_rows);
HWY_EXPORT(convolve);
HWY_EXPORT(add_gradient);
HWY_EXPORT(write_gradient);
}  // namespace

void winograd::transform_weights(const WeightTransform& transform, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(transform_rows)(transform, first, last);
}
void winograd::convolve_tiles(const Convolution& convolution, std::int64_t first, std::int64_t last, float* scratch) {
  HWY_DYNAMIC_DISPATCH(convolve)(convolution, first, last, scratch);
}
void winograd::add_weight_gradient(const WeightGradient& gradient, std::int64_t first, std::int64_t last,
                                   float* scratch, float* sums, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(add_gradient)(gradient, first, last, scratch, sums, accumulate);
}
void winograd::write_weight_gradient(const WeightGradientSums& gradient, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(write_gradient)(gradient, first, last);
}

}  // namespace joist
#endif
