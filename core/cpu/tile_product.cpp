// Goto and van de Geijn's order ("Anatomy of high-performance matrix multiplication", 2008): a block of b that stays in
// the second-level cache is packed once for all rows of a; blocks of 32 rows of a are packed one after the other.
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/split_tiles.h>
#include <joist/core/cpu/tile_product.h>

#include <type_traits>
#include <vector>

namespace joist {
namespace {

constexpr std::int64_t block_bytes = 3 * std::int64_t{1 << 19};  // of packed b: the larger part of a second-level cache

using tiles::over;

// A matrix with its lines (rows of a, columns of b) and k.
template <class T>
struct Operand {
  const T* first;
  std::int64_t line, k, lines, depth;
  // The tile of line `at` and step `step`.
  tiles::Source<T> source(std::int64_t at, std::int64_t step) const {
    const std::int64_t from = step * tiles::depth;
    return {first + at * line + from * k, line, k, std::clamp<std::int64_t>(lines - at, 0, tiles::rows),
            std::clamp<std::int64_t>(depth - from, 0, tiles::depth)};
  }
};

// A part along k and of the columns of b, and which halves of its panels pack_columns() could split.
struct Block {
  std::int64_t step, steps, panel, panels;
  BFloat16* packed;
  std::uint8_t* fits;
};

// Up to 32 rows of a, packed for all steps of a block.
struct Rows {
  const BFloat16* packed;
  std::int64_t top, height;
  bool fit;
};

// [step, part, half, number]: two tiles of bfloat16 numbers, or six of float32 numbers.
template <class T>
constexpr std::int64_t step_numbers = std::is_same_v<T, float> ? tiles::split_step : tiles::pair;
template <class T>
constexpr std::int64_t most_steps = std::is_same_v<T, float> ? 18 : 64;  // along k of one block

template <class T>
class TileProduct {
 public:
  TileProduct(const Array& a, const Array& b, const Array& bias, const Out& y)
      : a_{a.data<T>(), a.strides()[0], a.strides()[1], a.shape(0), a.shape(1)},
        b_{b.data<T>(), b.strides()[1], b.strides()[0], b.shape(1), b.shape(0)},
        bias_(bias.defined() ? bias.data<float>() : nullptr),
        y_(y.array.data<float>()),
        y_row_(y.array.strides()[0]),
        accumulate_(y.accumulate) {
    const std::int64_t steps = over(a_.depth, tiles::depth), panels = over(b_.lines, tiles::panel_columns);
    const std::int64_t deep = over(steps, over(steps, most_steps<T>));
    const std::int64_t most = std::max<std::int64_t>(1, block_bytes / (deep * 2 * step_numbers<T>));
    const std::int64_t wide = over(panels, over(panels, most));
    const Array packed = Array::empty({wide * deep * step_numbers<T>}, Dtype::bfloat16);
    std::vector<std::uint8_t> fits(static_cast<std::size_t>(2 * wide));
    for (std::int64_t step = 0; step < steps; step += deep)
      for (std::int64_t panel = 0; panel < panels; panel += wide)
        add({step, std::min(deep, steps - step), panel, std::min(wide, panels - panel), packed.data<BFloat16>(),
             fits.data()});
  }

 private:
  void add(const Block& block) const {
    const std::int64_t tiles_of_step = step_numbers<T> / tiles::pair;
    parallel_for(2 * block.panels, 1 + 256 / (tiles_of_step * block.steps), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t half = begin; half < end; ++half) {
        const std::int64_t column = block.panel * tiles::panel_columns + half * tiles::rows;
        bool fit = true;
        for (std::int64_t step = 0; step < block.steps; ++step)
          fit &= tiles::pack_columns(
              b_.source(column, block.step + step),
              block.packed + (half / 2 * block.steps + step) * step_numbers<T> + half % 2 * tiles::numbers);
        block.fits[half] = fit;
      }
    });
    const std::int64_t work = tiles_of_step * block.steps * block.panels;
    parallel_for(over(a_.lines, tiles::block_rows), 1 + 512 / work, [&](std::int64_t begin, std::int64_t end) {
      const Array memory = Array::empty({block.steps * step_numbers<T>}, Dtype::bfloat16);
      BFloat16* const packed = memory.data<BFloat16>();
      for (std::int64_t i = begin; i < end; ++i) {
        Rows rows{packed, i * tiles::block_rows, std::min(tiles::block_rows, a_.lines - i * tiles::block_rows), true};
        for (std::int64_t tile = 0; tile < 2 * block.steps; ++tile)
          if (tile % 2 * tiles::rows < rows.height)
            rows.fit &= tiles::pack_rows(a_.source(rows.top + tile % 2 * tiles::rows, block.step + tile / 2),
                                         packed + tile / 2 * step_numbers<T> + tile % 2 * tiles::numbers);
        if constexpr (std::is_same_v<T, float>)
          add_split_rows(block, rows);
        else
          add_rows(block, rows);
      }
    });
  }

  std::int64_t column_of(const Block& block, std::int64_t panel) const {
    return (block.panel + panel) * tiles::panel_columns;
  }

  void add_rows(const Block& block, const Rows& rows) const {
    const tiles::Use use(rows.height);
    for (std::int64_t step = 0; step < block.steps; step += tiles::near_steps)
      for (std::int64_t panel = 0; panel < block.panels; ++panel) {
        const std::int64_t column = column_of(block, panel);
        tiles::Product one;
        one.a = rows.packed + step * tiles::pair;
        one.panel = block.packed + (panel * block.steps + step) * tiles::pair;
        one.y = y_ + rows.top * y_row_ + column;
        one.y_row = y_row_;
        one.steps = std::min(tiles::near_steps, block.steps - step);
        if (block.step + step > 0 || accumulate_) {
          one.start = one.y;
          one.start_row = y_row_;
        } else if (bias_) {
          one.start = bias_ + column;
        }
        tiles::multiply(one, rows.height, b_.lines - column);
      }
  }

  // Between the first and the last of several parts along k, sums stay where each panel's lie together.
  void add_split_rows(const Block& block, const Rows& rows) const {
    constexpr std::int64_t sums_of_panel = tiles::block_rows * tiles::panel_columns;
    const std::int64_t near = over(block.steps, over(block.steps, tiles::near_split_steps));
    const Array between = near < block.steps ? Array::empty({block.panels * sums_of_panel}) : Array{};
    tiles::SplitProducts products;
    for (std::int64_t step = 0; step < block.steps; step += near)
      for (std::int64_t panel = 0; panel < block.panels; ++panel) {
        if (!rows.fit || !block.fits[2 * panel] || !block.fits[2 * panel + 1]) {
          if (step == 0) sum_plainly(block, rows, column_of(block, panel));
          continue;
        }
        const std::int64_t column = column_of(block, panel), columns = b_.lines - column;
        float* const sums = between.defined() ? between.data<float>() + panel * sums_of_panel : nullptr;
        tiles::SumsTarget to{.y = y_ + rows.top * y_row_ + column,
                             .y_row = y_row_,
                             .height = rows.height,
                             .columns = std::min(columns, tiles::panel_columns)};
        if (step > 0) {
          to.start = sums;
          to.start_row = tiles::panel_columns;
        } else if (block.step > 0 || accumulate_) {
          to.start = to.y;
          to.start_row = y_row_;
        } else if (bias_) {
          to.start = bias_ + column;
        }
        if (step + near < block.steps) {
          to.y = sums;
          to.y_row = tiles::panel_columns;
        }
        products.add({.rows = rows.packed + step * tiles::split_step,
                      .panel = block.packed + (panel * block.steps + step) * tiles::split_step,
                      .steps = std::min(near, block.steps - step),
                      .lower = rows.height > tiles::rows,
                      .right = columns > tiles::rows},
                     to);
      }
    products.finish();
  }

  // Parts of infinities and of what is nearly too large would make NaN of each other.
  void sum_plainly(const Block& block, const Rows& rows, std::int64_t column) const {
    const std::int64_t begin = block.step * tiles::depth, last = begin + block.steps * tiles::depth;
    for (std::int64_t i = rows.top; i < rows.top + rows.height; ++i)
      for (std::int64_t j = column; j < std::min(column + tiles::panel_columns, b_.lines); ++j) {
        float& y = y_[i * y_row_ + j];
        double sum = begin > 0 || accumulate_ ? y : bias_ ? bias_[j] : 0.0;
        for (std::int64_t k = begin; k < std::min(last, a_.depth); ++k)
          sum += static_cast<double>(a_.first[i * a_.line + k * a_.k]) *
                 static_cast<double>(b_.first[j * b_.line + k * b_.k]);
        y = static_cast<float>(sum);
      }
  }

  Operand<T> a_, b_;
  const float* bias_;
  float* y_;
  std::int64_t y_row_;
  bool accumulate_;
};

}  // namespace

bool tile_product_pays(Dtype dtype, std::int64_t m, std::int64_t k, std::int64_t n) {
  if (!tiles::exist()) return false;
  if (dtype == Dtype::bfloat16) return true;
  // Splitting a and b and writing y take time that the product has to win back.
  const auto share = [](std::int64_t length) { return 1.0 / static_cast<double>(std::max<std::int64_t>(length, 1)); };
  return dtype == Dtype::float32 && share(m) + share(k) + share(n) <= 1.0 / 170;
}

bool tile_product(const Array& a, const Array& b, const Array& bias, const Out& y, std::int64_t least_rows) {
  if ((a.dtype() != Dtype::bfloat16 && a.dtype() != Dtype::float32) || y.array.dtype() != Dtype::float32) return false;
  if (!tiles::exist() || a.rank() != 2 || b.rank() != 2) return false;
  if (a.shape(0) < least_rows || a.shape(1) < tiles::rows) return false;
  if (bias.defined() && (bias.dtype() != Dtype::float32 || y.accumulate)) return false;
  if (a.dtype() == Dtype::bfloat16)
    TileProduct<BFloat16>(a, b, bias, y);
  else
    TileProduct<float>(a, b, bias, y);
  return true;
}

}  // namespace joist
