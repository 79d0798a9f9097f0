// Products of small matrices that lie in the cache, once per instruction set.
#if defined(JOIST_CORE_CPU_SMALL_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef JOIST_CORE_CPU_SMALL_PRODUCT_INL_H
#undef JOIST_CORE_CPU_SMALL_PRODUCT_INL_H
#else
#define JOIST_CORE_CPU_SMALL_PRODUCT_INL_H
#endif

#include <joist/core/cpu/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {

struct Lengths {
  std::int64_t rows, columns, inner;
};
struct Left {  // [rows, inner], any strides
  const float* data;
  std::int64_t row, column;
};
struct Right {  // [inner, columns], neighbours along the columns
  const float* data;
  std::int64_t row;
};

// `rows` rows times `registers` registers of columns; `left` columns where the last register is not full.
template <int rows, int registers>
HWY_INLINE void product_tile(std::int64_t inner, const Left& a, const Right& b, float* y, std::int64_t y_row,
                             bool accumulate, std::int64_t left) {
  Lanes sum[rows][registers];
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < registers; ++v) sum[r][v] = Lanes(0.0F);
  for (std::int64_t t = 0; t < inner; ++t) {
    Lanes right[registers];
    for (int v = 0; v < registers; ++v) {
      const float* from = b.data + t * b.row + v * lanes();
      right[v] = registers == 1 ? load_up_to(from, left) : load(from);
    }
    for (int r = 0; r < rows; ++r) {
      const Lanes factor(a.data[r * a.row + t * a.column]);
      for (int v = 0; v < registers; ++v) sum[r][v] = multiply_add(factor, right[v], sum[r][v]);
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < registers; ++v) {
      float* to = y + r * y_row + v * lanes();
      const std::int64_t room = registers == 1 ? left : lanes();
      store_up_to(accumulate ? load_up_to(to, room) + sum[r][v] : sum[r][v], to, room);
    }
}

// All rows of a strip of columns.
template <int registers>
HWY_INLINE void product_strip(const Lengths& n, Left a, const Right& b, float* y, std::int64_t y_row, bool accumulate,
                              std::int64_t left) {
  constexpr int tile = 6;
  std::int64_t i = 0;
  for (; i + tile <= n.rows; i += tile) {
    product_tile<tile, registers>(n.inner, a, b, y, y_row, accumulate, left);
    a.data += tile * a.row;
    y += tile * y_row;
  }
  switch (n.rows - i) {
    case 1: return product_tile<1, registers>(n.inner, a, b, y, y_row, accumulate, left);
    case 2: return product_tile<2, registers>(n.inner, a, b, y, y_row, accumulate, left);
    case 3: return product_tile<3, registers>(n.inner, a, b, y, y_row, accumulate, left);
    case 4: return product_tile<4, registers>(n.inner, a, b, y, y_row, accumulate, left);
    case 5: return product_tile<5, registers>(n.inner, a, b, y, y_row, accumulate, left);
    default: return;
  }
}

/// y [rows, columns] = a · b, or is added to. Sums run over `inner` in ascending order.
inline void add_product(const Lengths& n, const Left& a, Right b, float* y, std::int64_t y_row, bool accumulate) {
  constexpr int wide = HWY_TARGET == HWY_AVX3 ? 4 : 2;  // 6 rows of them and one of b fill the registers
  std::int64_t left = n.columns;
  const auto strip = [&]<int registers>(std::integral_constant<int, registers>) HWY_ATTR {
    product_strip<registers>(n, a, b, y, y_row, accumulate, left);
    b.data += registers * lanes();
    y += registers * lanes();
    left -= registers * lanes();
  };
  while (left >= wide * lanes()) strip(std::integral_constant<int, wide>{});
  if (wide > 2)
    while (left >= 2 * lanes()) strip(std::integral_constant<int, 2>{});
  while (left > 0) strip(std::integral_constant<int, 1>{});
}

}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#endif
