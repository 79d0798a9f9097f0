#include <joist/core/cpu/batch_norm_tiles.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/batch_norm_tiles.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist::batch_norm {
namespace HWY_NAMESPACE {
namespace {
using namespace joist::HWY_NAMESPACE;  // NOLINT: this instruction set's numbers

constexpr std::int64_t block_rows = 64;  // rows summed in float before their sums are added in double
using Sums = float[most_columns + hn::MaxLanes(FloatTag())];

void clear(float* sums, std::int64_t columns) {
  for (std::int64_t i = 0; i < columns; i += lanes()) store(Lanes(0.0F), sums + i);
}

// d is taken from the block's first row, which is in the data's own range: nothing cancels however far the data lies
// from 0 and from `mean`.
void moments_tile(const void*, const Matrices& tile, double* first, double* second) {
  HWY_ALIGN Sums sum, square;
  for (std::int64_t top = 0; top < tile.rows; top += block_rows) {
    const std::int64_t rows = tile.rows - top < block_rows ? tile.rows - top : block_rows;
    const float* origin = tile.x.data + top * tile.x.row;
    clear(sum, tile.columns);
    clear(square, tile.columns);
    for (std::int64_t row = 0; row < rows; row += 8) {
      const std::int64_t depth = rows - row < 8 ? rows - row : 8;
      const float* x = origin + row * tile.x.row;
      for (std::int64_t k = 0; k < depth; ++k) prefetch_later_row(tile.x, x + k * tile.x.row, tile.columns);
      for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
        const std::int64_t left = tile.columns - i;
        const Lanes reference = load_up_to(origin + i, left);
        Lanes s(0.0F), q(0.0F);  // sums of sums lose less than one long sum
        for (std::int64_t k = 0; k < depth; ++k) {
          const Lanes value = load_up_to(x + k * tile.x.row + i, left), d = value - reference;
          if (tile.past_caches) hn::Stream(value.v, FloatTag(), tile.out + (top + row + k) * tile.out_row + i);
          s = s + d;
          q = multiply_add(d, d, q);
        }
        store(load(sum + i) + s, sum + i);
        store(load(square + i) + q, square + i);
      }
    }
    const auto count = static_cast<double>(rows);
    for (std::int64_t i = 0; i < tile.columns; ++i) {
      const double s = static_cast<double>(sum[i]), q = static_cast<double>(square[i]);
      const double d = static_cast<double>(origin[i]) - static_cast<double>(tile.parameter[mean][i]);
      first[i] += s + count * d;
      second[i] += q + d * (s + s + count * d);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F>
void normalize_tile(const void* activation, const Matrices& tile) {
  const F f = *static_cast<const F*>(activation);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* x = tile.x.data + row * tile.x.row;
    float* const out = tile.out + row * tile.out_row;
    const OutputRow y(out, tile.past_caches);
    prefetch_later_row(tile.x, x, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      const Lanes d = load_up_to(x + i, left) - load_up_to(tile.parameter[mean] + i, left);
      const Lanes z =
          multiply_add(d, load_up_to(tile.parameter[scale] + i, left), load_up_to(tile.parameter[shift] + i, left));
      Lanes result = value(f, z);
      if (tile.accumulate) result = result + load_up_to(out + i, left);
      y.put(result, i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F>
void gradient_sums_tile(const void* activation, const Matrices& tile, double* first, double* second) {
  const F f = *static_cast<const F*>(activation);
  HWY_ALIGN Sums sum, product;
  for (std::int64_t top = 0; top < tile.rows; top += block_rows) {
    const std::int64_t rows = tile.rows - top < block_rows ? tile.rows - top : block_rows;
    clear(sum, tile.columns);
    clear(product, tile.columns);
    for (std::int64_t row = top; row < top + rows; row += 4) {
      const std::int64_t depth = top + rows - row < 4 ? top + rows - row : 4;
      const float* x = tile.x.data + row * tile.x.row;
      const float* dy = tile.dy.data + row * tile.dy.row;
      for (std::int64_t k = 0; k < depth; ++k) {
        prefetch_later_row(tile.x, x + k * tile.x.row, tile.columns);
        prefetch_later_row(tile.dy, dy + k * tile.dy.row, tile.columns);
      }
      for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
        const std::int64_t left = tile.columns - i;
        const Lanes m = load_up_to(tile.parameter[mean] + i, left), a = load_up_to(tile.parameter[scale] + i, left);
        const Lanes b = load_up_to(tile.parameter[shift] + i, left), c = load_up_to(tile.parameter[added] + i, left);
        Lanes s(0.0F), p(0.0F);
        for (std::int64_t k = 0; k < depth; ++k) {
          const Lanes d = load_up_to(x + k * tile.x.row + i, left) - m;
          const Lanes given = load_up_to(dy + k * tile.dy.row + i, left);
          if (tile.past_caches) hn::Stream(given.v, FloatTag(), tile.out + (row + k) * tile.out_row + i);
          const Lanes dz = (given + c) * slope(f, multiply_add(d, a, b));
          s = s + dz;
          p = multiply_add(dz, d, p);
        }
        store(load(sum + i) + s, sum + i);
        store(load(product + i) + p, product + i);
      }
    }
    for (std::int64_t i = 0; i < tile.columns; ++i) {
      first[i] += static_cast<double>(sum[i]);
      second[i] += static_cast<double>(product[i]);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F>
void gradient_tile(const void* activation, const Matrices& tile) {
  const F f = *static_cast<const F*>(activation);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* x = tile.x.data + row * tile.x.row;
    const float* dy = tile.dy.data + row * tile.dy.row;
    float* const out = tile.out + row * tile.out_row;
    const OutputRow dx(out, tile.past_caches);
    prefetch_later_row(tile.x, x, tile.columns);
    prefetch_later_row(tile.dy, dy, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      const Lanes d = load_up_to(x + i, left) - load_up_to(tile.parameter[mean] + i, left);
      const Lanes a = load_up_to(tile.parameter[scale] + i, left);
      const Lanes given = load_up_to(dy + i, left) + load_up_to(tile.parameter[added] + i, left);
      const Lanes dz = given * slope(f, multiply_add(d, a, load_up_to(tile.parameter[shift] + i, left)));
      const Lanes common =
          multiply_add(d, load_up_to(tile.parameter[linear] + i, left), load_up_to(tile.parameter[constant] + i, left));
      Lanes result = a * dz - common;
      if (tile.accumulate) result = result + load_up_to(out + i, left);
      dx.put(result, i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F>
Fused fused(const Unary& activation) {
  return {&normalize_tile<F>, &gradient_sums_tile<F>, &gradient_tile<F>, std::get_if<F>(&activation)};
}

Fused choose(const Unary& f) {
  if (std::holds_alternative<Identity>(f)) return fused<Identity>(f);
  if (std::holds_alternative<Relu>(f)) return fused<Relu>(f);
  if (std::holds_alternative<Silu>(f)) return fused<Silu>(f);
  if (std::holds_alternative<Clamp>(f)) return fused<Clamp>(f);
  if (std::holds_alternative<LeakyRelu>(f)) return fused<LeakyRelu>(f);
  if (std::holds_alternative<HardSwish>(f)) return fused<HardSwish>(f);
  return {};
}

SumFunction choose_moments() { return &moments_tile; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist::batch_norm
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist::batch_norm {
namespace {
HWY_EXPORT(choose);
HWY_EXPORT(choose_moments);
}  // namespace

Fused fused_with(const Unary& activation) { return HWY_DYNAMIC_DISPATCH(choose)(activation); }
SumFunction moments() { return HWY_DYNAMIC_DISPATCH(choose_moments)(); }

}  // namespace joist::batch_norm
#endif
