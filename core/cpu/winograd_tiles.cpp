#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/split_matrix.h>
#include <joist/core/cpu/winograd_tiles.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/winograd_tiles.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/panel_product-inl.h>
#include <joist/core/cpu/winograd_transforms-inl.h>
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

template <int m>
constexpr int side = m + 2;  // of a tile that is read
template <int m>
constexpr int places = side<m>* side<m>;

template <int m>
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
      float* to = t.to + row * panel_width() + v * lanes();
      along_both<3, side<m>>([](const auto& w, auto& u) HWY_ATTR { Filtering<m>::of_kernel(w, u); },
                             [&](int r, int c) HWY_ATTR {
                               const int i = 3 * r + c;
                               return Lanes(hn::GatherIndex(d, from + (t.turned ? 8 - i : i), at));
                             },
                             [&](int r, int c, Lanes u) HWY_ATTR { store(u, to + (side<m> * r + c) * t.apart); });
    }
  }
}

// Where a tile lies.
struct Place {
  std::int64_t picture, y, x;  // of its first pixel in the results
};

template <int m>
HWY_INLINE Place place_of(const Grid& grid, std::int64_t tile) {
  const std::int64_t row = tile / grid.across;
  return {row / grid.down, m * (row % grid.down), m * (tile % grid.across)};
}

// Bᵀ x B of one tile, whose pixels in the padding are zeros, into as many matrices as it has places.
template <int m>
HWY_INLINE void transform_pixels(const float* const (&pixels)[places<m>], std::int64_t channels, float* to,
                                 std::int64_t apart) {
  for (std::int64_t c = 0; c < channels; c += lanes()) {
    const std::int64_t left = channels - c;
    along_both<side<m>, side<m>>([](const auto& x, auto& y) HWY_ATTR { Filtering<m>::of_pixels(x, y); },
                                 [&](int r, int s) HWY_ATTR { return load_up_to(pixels[side<m> * r + s] + c, left); },
                                 [&](int r, int s, Lanes y)
                                     HWY_ATTR { store_up_to(y, to + (side<m> * r + s) * apart + c, left); });
  }
}

template <int m>
void transform_tiles(const Grid& grid, const float* x, std::int64_t channels, const float* zeros, std::int64_t first,
                     std::int64_t last, float* to, std::int64_t apart) {
  for (std::int64_t tile = first; tile < last; ++tile) {
    const Place place = place_of<m>(grid, tile);
    const float* pixels[places<m>];
    for (int r = 0; r < side<m>; ++r) {
      const std::int64_t y = place.y - grid.top + r;
      const bool inside = y >= 0 && y < grid.height;
      const float* row = x + (place.picture * grid.height + y) * grid.width * channels;
      for (int s = 0; s < side<m>; ++s) {
        const std::int64_t column = place.x - grid.left + s;
        pixels[side<m> * r + s] = inside && column >= 0 && column < grid.width ? row + column * channels : zeros;
      }
    }
    transform_pixels<m>(pixels, channels, to + (tile - first) * channels, apart);
  }
}

// Aᵀ s A of one tile and its bias.
template <int m>
HWY_INLINE void write_tile(const Convolution& c, const Place& place, const float* sums) {
  const Grid& grid = c.grid;
  const std::int64_t row = grid.out_width * c.out;
  float* const y = c.y + (place.picture * grid.out_height + place.y) * row + place.x * c.out;
  const std::int64_t down = grid.out_height - place.y, across = grid.out_width - place.x;  // pixels that there are
  for (std::int64_t o = 0; o < c.out; o += lanes()) {
    const std::int64_t left = c.out - o;
    const Lanes bias = c.bias ? load_up_to(c.bias + o, left) : Lanes(0.0F);
    along_both<side<m>, m>([](const auto& s, auto& result) HWY_ATTR { Filtering<m>::results(s, result); },
                           [&](int r, int s)
                               HWY_ATTR { return load_up_to(sums + (side<m> * r + s) * c.y_apart + o, left); },
                           [&](int r, int s, Lanes value) HWY_ATTR {
                             if (r >= down || s >= across) return;
                             float* const to = y + r * row + s * c.out + o;
                             value = value + bias;
                             if (c.accumulate) value = load_up_to(to, left) + value;
                             store_up_to(value, to, left);
                           });
  }
}

template <int m>
void convolve(const Convolution& c, std::int64_t first, std::int64_t last, float* scratch) {
  float* const x = scratch;
  float* const y = scratch + places<m> * c.x_apart;
  transform_tiles<m>(c.grid, c.x, c.in, c.zeros, first, last, x, c.x_apart);
  const std::int64_t panels = (c.out + panel_width() - 1) / panel_width();
  for (int i = 0; i < places<m>; ++i) {
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
    write_tile<m>(c, place_of<m>(c.grid, tile), y + (tile - first) * c.out);
}

// A dy Aᵀ of one tile into as many matrices of panels.
template <int m>
HWY_INLINE void spread_tile(const WeightGradient& g, const Place& place, float* to, std::int64_t tiles) {
  const Grid& grid = g.grid;
  const std::int64_t row = grid.out_width * g.out;
  const float* const dy = g.dy + (place.picture * grid.out_height + place.y) * row + place.x * g.out;
  const float* pixels[m * m];
  for (int r = 0; r < m; ++r)
    for (int s = 0; s < m; ++s)
      pixels[m * r + s] =
          place.y + r < grid.out_height && place.x + s < grid.out_width ? dy + r * row + s * g.out : g.zeros;
  for (std::int64_t o = 0; o < g.out; o += lanes()) {
    const std::int64_t left = g.out - o;
    float* out = to + o / panel_width() * panel_width() * tiles + o % panel_width();
    along_both<m, side<m>>([](const auto& y, auto& d) HWY_ATTR { Filtering<m>::of_results(y, d); },
                           [&](int r, int s) HWY_ATTR { return load_up_to(pixels[m * r + s] + o, left); },
                           [&](int r, int s, Lanes d) HWY_ATTR { store(d, out + (side<m> * r + s) * g.dy_apart); });
  }
}

template <int m>
void add_gradient(const WeightGradient& g, std::int64_t first, std::int64_t last, float* scratch, float* sums,
                  bool accumulate) {
  float* const x = scratch;
  float* const dy = scratch + places<m> * g.x_apart;
  const std::int64_t count = last - first;
  transform_tiles<m>(g.grid, g.x, g.in, g.zeros, first, last, x, g.x_apart);
  for (std::int64_t tile = first; tile < last; ++tile)
    spread_tile<m>(g, place_of<m>(g.grid, tile), dy + (tile - first) * panel_width(), count);
  const std::int64_t panels = (g.out + panel_width() - 1) / panel_width();
  for (int i = 0; i < places<m>; ++i) {
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
template <int m>
void write_gradient(const WeightGradientSums& g, std::int64_t first, std::int64_t last) {
  HWY_ALIGN float lane[9][hn::MaxLanes(FloatTag())];
  for (std::int64_t i = first; i < last; ++i)
    for (std::int64_t o = 0; o < g.out; o += lanes()) {
      const std::int64_t left = g.out - o, count = std::min(left, lanes());
      along_both<side<m>, 3>([](const auto& s, auto& w) HWY_ATTR { Filtering<m>::kernel(s, w); },
                             [&](int r, int s) HWY_ATTR {
                               const float* from = g.sums + (side<m> * r + s) * g.apart + i * g.out + o;
                               Lanes sum = load_up_to(from, left);
                               for (std::int64_t part = 1; part < g.parts; ++part)
                                 sum = sum + load_up_to(from + part * g.part, left);
                               return sum;
                             },
                             [&](int r, int s, Lanes w) HWY_ATTR { hn::Store(w.v, FloatTag(), lane[3 * r + s]); });
      for (std::int64_t l = 0; l < count; ++l) {
        float* dw = g.dw + ((o + l) * g.in + i) * 9;
        for (int k = 0; k < 9; ++k) dw[k] = g.accumulate ? dw[k] + lane[k][l] : lane[k][l];
      }
    }
}

void transform_weights_of(int m, const WeightTransform& t, std::int64_t first, std::int64_t last) {
  m == 4 ? transform_rows<4>(t, first, last) : transform_rows<2>(t, first, last);
}
void convolve_tiles_of(int m, const Convolution& c, std::int64_t first, std::int64_t last, float* scratch) {
  m == 4 ? convolve<4>(c, first, last, scratch) : convolve<2>(c, first, last, scratch);
}
void add_gradient_of(int m, const WeightGradient& g, std::int64_t first, std::int64_t last, float* scratch, float* sums,
                     bool accumulate) {
  m == 4 ? add_gradient<4>(g, first, last, scratch, sums, accumulate)
         : add_gradient<2>(g, first, last, scratch, sums, accumulate);
}
void write_gradient_of(int m, const WeightGradientSums& g, std::int64_t first, std::int64_t last) {
  m == 4 ? write_gradient<4>(g, first, last) : write_gradient<2>(g, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(transform_weights_of);
HWY_EXPORT(convolve_tiles_of);
HWY_EXPORT(add_gradient_of);
HWY_EXPORT(write_gradient_of);
}  // namespace

void winograd::transform_weights(const WeightTransform& transform, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(transform_weights_of)(transform.results, transform, first, last);
}
void winograd::convolve_tiles(const Convolution& convolution, std::int64_t first, std::int64_t last, float* scratch) {
  HWY_DYNAMIC_DISPATCH(convolve_tiles_of)(convolution.grid.results, convolution, first, last, scratch);
}
void winograd::add_weight_gradient(const WeightGradient& gradient, std::int64_t first, std::int64_t last,
                                   float* scratch, float* sums, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(add_gradient_of)(gradient.grid.results, gradient, first, last, scratch, sums, accumulate);
}
void winograd::write_weight_gradient(const WeightGradientSums& gradient, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(write_gradient_of)(gradient.results, gradient, first, last);
}

}  // namespace joist
#endif
