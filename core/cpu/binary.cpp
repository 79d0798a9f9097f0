#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/binary.cpp>
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
    const float* a = tile.in[0].data + row * tile.in[0].row;
    const float* b = tile.in[1].data + row * tile.in[1].row;
    const OutputRow y(tile.out + row * tile.out_row, tile.past_caches);
    prefetch_later_row(tile.in[0], a, tile.columns);
    prefetch_later_row(tile.in[1], b, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      y.put(value(f, load_up_to(a + i, left), load_up_to(b + i, left)), i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class F, bool first>
void gradient_tile(const void* parameters, const Tile& tile) {
  const F f = *static_cast<const F*>(parameters);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const float* dy = tile.in[0].data + row * tile.in[0].row;
    const float* a = tile.in[1].data + row * tile.in[1].row;
    const float* b = tile.in[2].data + row * tile.in[2].row;
    const OutputRow dx(tile.out + row * tile.out_row, tile.past_caches);
    prefetch_later_row(tile.in[0], dy, tile.columns);
    prefetch_later_row(tile.in[1], a, tile.columns);
    prefetch_later_row(tile.in[2], b, tile.columns);
    for (std::int64_t i = 0; i < tile.columns; i += lanes()) {
      const std::int64_t left = tile.columns - i;
      const Lanes p = load_up_to(a + i, left), q = load_up_to(b + i, left);
      dx.put(load_up_to(dy + i, left) * (first ? slope_first(f, p, q) : slope_second(f, p, q)), i, left);
    }
  }
  OutputRow::finish(tile.past_caches);
}

template <class Variant>
struct Table;
template <class... F>
struct Table<std::variant<F...>> {
  static constexpr TileFunction values[] = {&value_tile<F>...};
  static constexpr TileFunction gradients[2][sizeof...(F)] = {{&gradient_tile<F, true>...},
                                                              {&gradient_tile<F, false>...}};
};

TileFunction binary_value_at(std::size_t index) { return Table<Binary>::values[index]; }
TileFunction binary_gradient_at(std::size_t index, int operand) { return Table<Binary>::gradients[operand][index]; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(binary_value_at);
HWY_EXPORT(binary_gradient_at);

const void* parameters_of(const Binary& f) {
  return std::visit([](const auto& function) -> const void* { return &function; }, f);
}
}  // namespace

BoundFunction binary_value(const Binary& f) {
  return {HWY_DYNAMIC_DISPATCH(binary_value_at)(f.index()), parameters_of(f)};
}
BoundFunction binary_gradient(const Binary& f, int operand) {
  return {HWY_DYNAMIC_DISPATCH(binary_gradient_at)(f.index(), operand), parameters_of(f)};
}

}  // namespace joist
#endif
