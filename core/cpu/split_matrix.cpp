#include <joist/core/cpu/split_matrix.h>

#include <cstddef>

namespace joist::tiles {
std::int64_t split_numbers(std::int64_t length, std::int64_t columns) {
  return over(columns, panel_columns) * over(length, depth) * split_step;
}

void split_panels(const float* panels, std::int64_t length, std::int64_t columns, BFloat16* to) {
  const std::int64_t steps = over(length, depth);
  for (std::int64_t panel = 0; panel < over(columns, panel_columns); ++panel)
    for (std::int64_t step = 0; step < steps; ++step)
      for (std::int64_t half = 0; half < 2; ++half)
        pack_columns(Source<float>{.first = panels + (panel * length + step * depth) * panel_columns + half * rows,
                                   .line = 1,
                                   .k = panel_columns,
                                   .lines = rows,
                                   .ks = std::min(depth, length - step * depth)},
                     to + (panel * steps + step) * split_step + half * numbers);
}

void multiply(const SplitMatrixProduct& t) {
  alignas(64) std::byte memory[near_split_steps * split_step * sizeof(BFloat16)];
  auto* const near_rows = reinterpret_cast<BFloat16*>(memory);
  const std::int64_t steps = over(t.depth, depth), near = over(steps, over(steps, near_split_steps));
  SplitProducts products;
  for (std::int64_t top = 0; top < t.rows; top += block_rows)
    for (std::int64_t step = 0; step < steps; step += near) {
      const std::int64_t height = std::min(block_rows, t.rows - top), some = std::min(near, steps - step);
      for (std::int64_t tile = 0; tile < 2 * some; ++tile) {
        const std::int64_t row = top + tile % 2 * rows, k = (step + tile / 2) * depth;
        if (row < t.rows)
          pack_rows(Source<float>{.first = t.a + row * t.a_row + k * t.a_step,
                                  .line = t.a_row,
                                  .k = t.a_step,
                                  .lines = std::min(rows, t.rows - row),
                                  .ks = std::min(depth, t.depth - k)},
                    near_rows + tile / 2 * split_step + tile % 2 * numbers);
      }
      for (std::int64_t column = 0; column < t.columns; column += panel_columns) {
        const std::int64_t columns = std::min(panel_columns, t.columns - column);
        products.add({.rows = near_rows,
                      .panel = t.b + (column / panel_columns * steps + step) * split_step,
                      .steps = some,
                      .lower = height > rows,
                      .right = columns > rows},
                     {.y = t.y + top * t.y_row + column,
                      .y_row = t.y_row,
                      .height = height,
                      .columns = columns,
                      .accumulate = t.accumulate || step > 0});
      }
    }
  products.finish();
}

}  // namespace joist::tiles
