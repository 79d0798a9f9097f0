#include <joist/core/cpu/reduction.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/sums.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

void row_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total) {
  const std::int64_t width = lanes();
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* x = tile.data + row * tile.row;
    double sum = 0;
    for (std::int64_t begin = 0; begin < columns; begin += 32 * width) {  // 8 additions per lane of four registers
      const std::int64_t end = begin + 32 * width < columns ? begin + 32 * width : columns;
      Lanes a(0.0F), b(0.0F), c(0.0F), d(0.0F);
      std::int64_t i = begin;
      for (; i + 4 * width <= end; i += 4 * width) {
        a = a + load(x + i);
        b = b + load(x + i + width);
        c = c + load(x + i + 2 * width);
        d = d + load(x + i + 3 * width);
      }
      for (; i < end; i += width) a = a + load_up_to(x + i, end - i);
      sum += static_cast<double>(sum_of_lanes((a + b) + (c + d)));
    }
    total[row] += sum;
  }
}

void column_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total) {
  const std::int64_t width = lanes();
  HWY_ALIGN float sums[4 * hn::MaxLanes(FloatTag())];
  for (std::int64_t begin = 0; begin < columns; begin += 4 * width) {
    const float* x = tile.data + begin;
    const std::int64_t count = columns - begin < 4 * width ? columns - begin : 4 * width;
    if (count == 4 * width) {
      Lanes a(0.0F), b(0.0F), c(0.0F), d(0.0F);
      for (std::int64_t row = 0; row < rows; ++row, x += tile.row) {
        a = a + load(x);
        b = b + load(x + width);
        c = c + load(x + 2 * width);
        d = d + load(x + 3 * width);
      }
      store(a, sums);
      store(b, sums + width);
      store(c, sums + 2 * width);
      store(d, sums + 3 * width);
    } else {
      for (std::int64_t i = 0; i < count; i += width) {
        Lanes a(0.0F);
        for (std::int64_t row = 0; row < rows; ++row) a = a + load_up_to(x + row * tile.row + i, count - i);
        store(a, sums + i);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) total[begin + i] += static_cast<double>(sums[i]);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(row_sums);
HWY_EXPORT(column_sums);
}  // namespace

void add_row_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total) {
  HWY_DYNAMIC_DISPATCH(row_sums)(tile, rows, columns, total);
}
void add_column_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total) {
  HWY_DYNAMIC_DISPATCH(column_sums)(tile, rows, columns, total);
}

}  // namespace joist
#endif
