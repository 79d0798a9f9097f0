#include <joist/core/cpu/split_planes.h>

#include <algorithm>

namespace joist::split_convolution {
namespace {

using tiles::over;

// Lines of pixels for each remainder of their row divided by the step.
std::int64_t lines_of(const Grid& grid, std::int64_t rows) { return rows - 1 + over(grid.reach_down, grid.step); }

}  // namespace

std::int64_t Planes::numbers(const Grid& grid, std::int64_t rows) {
  const std::int64_t pixels = grid.step * lines_of(grid, rows) * grid.line() * grid.apart();
  return pixels + 2 * tiles::block_rows * grid.apart() + tiles::depth;  // what the last block reads and nobody wants
}

Planes::Planes(const Grid& grid, std::int64_t rows)
    : grid_(grid),
      lines_(lines_of(grid, rows)),
      line_(grid.line() * grid.apart()),
      part_(numbers(grid, rows)),
      memory_(Array::empty({tiles::parts * part_}, Dtype::bfloat16)) {
  std::fill_n(memory_.data<BFloat16>(), tiles::parts * part_, BFloat16{});
}

bool Planes::fill(const float* x, const Strip& strip) {
  bool finite = true;
  const std::int64_t channels = grid_.channels, line_pixels = line_ / channels;
  const std::int64_t before = std::min(grid_.left, line_pixels), inside = std::min(grid_.width, line_pixels - before);
  for (std::int64_t remainder = 0; remainder < grid_.step; ++remainder)
    for (std::int64_t i = 0; i < strip.rows - 1 + over(grid_.reach_down, grid_.step); ++i) {
      const std::int64_t row = (strip.first + i) * grid_.step + remainder - grid_.top;
      BFloat16* const to = memory_.data<BFloat16>() + (remainder * lines_ + i) * line_;
      const bool exists = row >= 0 && row < grid_.height;
      for (std::int64_t part = 0; part < tiles::parts; ++part) {
        BFloat16* const line = to + part * part_;
        std::fill_n(line, exists ? before * channels : line_, BFloat16{});
        if (exists) std::fill_n(line + (before + inside) * channels, line_ - (before + inside) * channels, BFloat16{});
      }
      if (exists)
        finite &= tiles::split_row(x + (strip.picture * grid_.height + row) * grid_.width * channels, inside * channels,
                                   to + before * channels, part_);
    }
  return finite;
}

std::int64_t strip_rows(const Grid& grid, std::int64_t more) {
  constexpr std::int64_t cache = 3 * std::int64_t{1 << 18};
  const std::int64_t each = 2 * tiles::parts * grid.line() * grid.apart() * grid.step + more * grid.line();
  const std::int64_t most = std::max<std::int64_t>(1, cache / each);
  return over(grid.rows, over(grid.rows, most));
}

std::vector<Strip> strips_of(const Grid& grid, std::int64_t rows) {
  std::vector<Strip> strips;
  for (std::int64_t picture = 0; picture < grid.batch; ++picture)
    for (std::int64_t first = 0; first < grid.rows; first += rows)
      strips.push_back({picture, first, std::min(rows, grid.rows - first)});
  return strips;
}

}  // namespace joist::split_convolution
