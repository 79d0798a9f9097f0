#include <joist/core/cpu/depthwise.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/depthwise_row.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using depthwise::RowGradient;
using depthwise::RowProduct;

constexpr int most_taps = 9;  // at once: so many sums stay in registers, of AVX2 too

// The sums of `taps` taps from the first on, for the channels c ….
template <int taps>
void add_some(const RowGradient& g, std::int64_t first, std::int64_t c) {
  const std::int64_t left = g.channels - c;
  const float* pixels[taps];
  Lanes sums[taps];
#pragma GCC unroll 9
  for (int i = 0; i < taps; ++i) {
    pixels[i] = g.pixels[first + i] + c;
    sums[i] = load(g.sums + (first + i) * g.sums_step + c);
  }
  const float* dy = g.dy + c;
  for (std::int64_t window = 0; window < g.windows; ++window) {
    const Lanes slope = load_up_to(dy + window * g.dy_step, left);
#pragma GCC unroll 9
    for (int i = 0; i < taps; ++i) sums[i] = multiply_add(slope, load(pixels[i] + window * g.step), sums[i]);
  }
#pragma GCC unroll 9
  for (int i = 0; i < taps; ++i) store(sums[i], g.sums + (first + i) * g.sums_step + c);
}

using AddSome = void (*)(const RowGradient&, std::int64_t, std::int64_t);

void add_taps(const RowGradient& g) {
  constexpr AddSome some[most_taps] = {add_some<1>, add_some<2>, add_some<3>, add_some<4>, add_some<5>,
                                       add_some<6>, add_some<7>, add_some<8>, add_some<9>};
  const std::int64_t pieces = (g.taps + most_taps - 1) / most_taps;
  for (std::int64_t c = 0; c < g.channels; c += lanes())
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int64_t begin = piece * g.taps / pieces, end = (piece + 1) * g.taps / pieces;
      some[end - begin - 1](g, begin, c);
    }
}

template <int taps>
void multiply_some(const RowProduct& g, std::int64_t first, std::int64_t c, bool accumulate) {
  const std::int64_t left = g.channels - c;
  const float* pixels[taps];
  Lanes weights[taps];
#pragma GCC unroll 9
  for (int i = 0; i < taps; ++i) {
    pixels[i] = g.pixels[first + i] + c;
    weights[i] = load(g.weights[first + i] + c);
  }
  float* const y = g.y + c;
  for (std::int64_t window = 0; window < g.windows; ++window) {
    Lanes sum = accumulate ? load_up_to(y + window * g.y_step, left) : Lanes(0.0F);
#pragma GCC unroll 9
    for (int i = 0; i < taps; ++i) sum = multiply_add(weights[i], load(pixels[i] + window * g.step), sum);
    store_up_to(sum, y + window * g.y_step, left);
  }
}

using MultiplySome = void (*)(const RowProduct&, std::int64_t, std::int64_t, bool);

void multiply_taps(const RowProduct& g) {
  constexpr MultiplySome some[most_taps + 1] = {nullptr,          multiply_some<1>, multiply_some<2>, multiply_some<3>,
                                                multiply_some<4>, multiply_some<5>, multiply_some<6>, multiply_some<7>,
                                                multiply_some<8>, multiply_some<9>};
  const std::int64_t pieces = (g.taps + most_taps - 1) / most_taps;
  for (std::int64_t c = 0; c < g.channels; c += lanes()) {
    if (pieces == 0)
      for (std::int64_t window = 0; window < g.windows; ++window)
        store_up_to(Lanes(0.0F), g.y + window * g.y_step + c, g.channels - c);
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int64_t begin = piece * g.taps / pieces, end = (piece + 1) * g.taps / pieces;
      some[end - begin](g, begin, c, piece > 0);
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
HWY_EXPORT(add_taps);
HWY_EXPORT(multiply_taps);
}  // namespace

void depthwise::add_row(const RowGradient& row) { HWY_DYNAMIC_DISPATCH(add_taps)(row); }
void depthwise::multiply_row(const RowProduct& row) { HWY_DYNAMIC_DISPATCH(multiply_taps)(row); }

}  // namespace joist
#endif
