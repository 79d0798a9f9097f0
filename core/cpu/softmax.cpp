#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/softmax.h>
#include <joist/core/cpu/tiles.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/softmax.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

float row_maximum(const float* x, std::int64_t count) {
  const Lanes lowest(-std::numeric_limits<float>::infinity());
  Lanes best = lowest;
  std::int64_t i = 0;
  for (; i + lanes() <= count; i += lanes()) best = max(best, load(x + i));
  float result = hn::GetLane(hn::MaxOfLanes(FloatTag(), best.v));
  for (; i < count; ++i) result = result < x[i] ? x[i] : result;
  return result;
}

// Sum of term(i, left) over the lanes, in double from every 64 registers on. Terms must be 0 beyond the end.
template <class Term>
HWY_INLINE double sum_of(std::int64_t count, const Term& term) {
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += 64 * lanes()) {
    const std::int64_t end = count - begin < 64 * lanes() ? count : begin + 64 * lanes();
    Lanes sum(0.0F);
    for (std::int64_t i = begin; i < end; i += lanes()) sum = sum + term(i, end - i);
    total += static_cast<double>(sum_of_lanes(sum));
  }
  return total;
}

HWY_INLINE Lanes first_lanes(Lanes x, std::int64_t left) {
  if (left >= lanes()) return x;
  return hn::IfThenElseZero(hn::FirstN(FloatTag(), static_cast<std::size_t>(left)), x.v);
}

// Sum of exp(x - maximum).
double exponential_sum(const float* x, std::int64_t count, float maximum) {
  return sum_of(count, [&](std::int64_t i, std::int64_t left)
                           HWY_ATTR { return first_lanes(exp(load_up_to(x + i, left) - Lanes(maximum)), left); });
}

void softmax_tile(const void*, const Tile& tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* x = tile.in[0].data + row * tile.in[0].row;
    float* y = tile.out + row * tile.out_row;
    const Lanes maximum(row_maximum(x, tile.columns));
    const double sum = sum_of(tile.columns, [&](std::int64_t i, std::int64_t left) HWY_ATTR {
      const Lanes e = first_lanes(exp(load_up_to(x + i, left) - maximum), left);
      store_up_to(e, y + i, left);
      return e;
    });
    const Lanes factor(static_cast<float>(1 / sum));
    for (std::int64_t i = 0; i < tile.columns; i += lanes())
      store_up_to(load_up_to(y + i, tile.columns - i) * factor, y + i, tile.columns - i);
  }
}

void log_softmax_tile(const void*, const Tile& tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* x = tile.in[0].data + row * tile.in[0].row;
    float* y = tile.out + row * tile.out_row;
    const float maximum = row_maximum(x, tile.columns);
    const Lanes top(maximum), rest(static_cast<float>(::log(exponential_sum(x, tile.columns, maximum))));
    for (std::int64_t i = 0; i < tile.columns; i += lanes())
      store_up_to(load_up_to(x + i, tile.columns - i) - top - rest, y + i, tile.columns - i);
  }
}

void softmax_gradient_tile(const void*, const Tile& tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* y = tile.in[0].data + row * tile.in[0].row;
    const float* dy = tile.in[1].data + row * tile.in[1].row;
    float* dx = tile.out + row * tile.out_row;
    const Lanes dot(static_cast<float>(sum_of(tile.columns, [&](std::int64_t i, std::int64_t left) HWY_ATTR {
      return load_up_to(y + i, left) * load_up_to(dy + i, left);
    })));
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      store_up_to(load_up_to(y + i, left) * (load_up_to(dy + i, left) - dot), dx + i, left);
    }
  }
}

void log_softmax_gradient_tile(const void*, const Tile& tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* y = tile.in[0].data + row * tile.in[0].row;
    const float* dy = tile.in[1].data + row * tile.in[1].row;
    float* dx = tile.out + row * tile.out_row;
    const Lanes sum(static_cast<float>(
        sum_of(tile.columns, [&](std::int64_t i, std::int64_t left) HWY_ATTR { return load_up_to(dy + i, left); })));
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      store_up_to(load_up_to(dy + i, left) - exp(load_up_to(y + i, left)) * sum, dx + i, left);
    }
  }
}

LogSumExp row_log_sum_exp(const float* x, std::int64_t count) {
  const float maximum = row_maximum(x, count);
  return {maximum, ::log(exponential_sum(x, count, maximum))};
}

void row_exponentials(const float* x, std::int64_t count, float offset, float factor, float shift, float* y) {
  for (std::int64_t i = 0; i < count; i += lanes()) {
    const std::int64_t left = count - i;
    store_up_to(multiply_add(Lanes(factor), exp(load_up_to(x + i, left) - Lanes(offset)), Lanes(shift)), y + i, left);
  }
}

TileFunction softmax_function() { return &softmax_tile; }
TileFunction log_softmax_function() { return &log_softmax_tile; }
TileFunction softmax_gradient_function() { return &softmax_gradient_tile; }
TileFunction log_softmax_gradient_function() { return &log_softmax_gradient_tile; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(softmax_function);
HWY_EXPORT(log_softmax_function);
HWY_EXPORT(softmax_gradient_function);
HWY_EXPORT(log_softmax_gradient_function);
HWY_EXPORT(row_log_sum_exp);
HWY_EXPORT(row_exponentials);

void softmax(const Array& x, int axis, const Out& y) {
  for_each_line(HWY_DYNAMIC_DISPATCH(softmax_function)(), nullptr, axis, {&x}, y);
}
void softmax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  for_each_line(HWY_DYNAMIC_DISPATCH(softmax_gradient_function)(), nullptr, axis, {&y, &dy}, dx);
}
void log_softmax(const Array& x, int axis, const Out& y) {
  for_each_line(HWY_DYNAMIC_DISPATCH(log_softmax_function)(), nullptr, axis, {&x}, y);
}
void log_softmax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  for_each_line(HWY_DYNAMIC_DISPATCH(log_softmax_gradient_function)(), nullptr, axis, {&y, &dy}, dx);
}

}  // namespace

LogSumExp log_sum_exp(const float* x, std::int64_t count) { return HWY_DYNAMIC_DISPATCH(row_log_sum_exp)(x, count); }
void scaled_exponentials(const float* x, std::int64_t count, float offset, float factor, float shift, float* y) {
  HWY_DYNAMIC_DISPATCH(row_exponentials)(x, count, offset, factor, shift, y);
}

void fill_softmax(Kernels& table) {
  table.softmax.softmax = softmax;
  table.softmax.softmax_backward = softmax_backward;
  table.softmax.log_softmax = log_softmax;
  table.softmax.log_softmax_backward = log_softmax_backward;
  fill_sparsemax(table);
}

}  // namespace joist
#endif
