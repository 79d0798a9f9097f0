#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/unary.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

template <class F>
void value_tile(const void* parameters, const Tile& tile) {
  const F f = *static_cast<const F*>(parameters);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* x = tile.in[0].data + row * tile.in[0].row;
    const OutputRow y(tile.out + row * tile.out_row, tile.past_caches);
    prefetch_later_row(tile.in[0], x, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      y.put(value(f, load_up_to(x + i, left)), i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F>
void gradient_tile(const void* parameters, const Tile& tile) {
  const F f = *static_cast<const F*>(parameters);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* dy = tile.in[0].data + row * tile.in[0].row;
    const float* x = tile.in[1].data + row * tile.in[1].row;
    const OutputRow dx(tile.out + row * tile.out_row, tile.past_caches);
    prefetch_later_row(tile.in[0], dy, tile.columns);
    prefetch_later_row(tile.in[1], x, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      dx.put(load_up_to(dy + i, left) * slope(f, load_up_to(x + i, left)), i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class Variant>
struct Table;
template <class... F>
struct Table<std::variant<F...>> {
  static constexpr TileFunction values[] = {&value_tile<F>...};
  static constexpr TileFunction gradients[] = {&gradient_tile<F>...};
};

TileFunction unary_value_at(std::size_t index) { return Table<Unary>::values[index]; }
TileFunction unary_gradient_at(std::size_t index) { return Table<Unary>::gradients[index]; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(unary_value_at);
HWY_EXPORT(unary_gradient_at);

const void* parameters_of(const Unary& f) {
  return std::visit([](const auto& function) -> const void* { return &function; }, f);
}
}  // namespace

BoundFunction unary_value(const Unary& f) {
  return {HWY_DYNAMIC_DISPATCH(unary_value_at)(f.index()), parameters_of(f)};
}
BoundFunction unary_gradient(const Unary& f) {
  return {HWY_DYNAMIC_DISPATCH(unary_gradient_at)(f.index()), parameters_of(f)};
}

}  // namespace joist
#endif
