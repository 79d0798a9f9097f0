// A strip of a picture, split into three planes of bfloat16 numbers with zeros around: what split_convolution reads.
#pragma once

#include <joist/core/array.h>
#include <joist/core/cpu/split_tiles.h>

#include <vector>

namespace joist::split_convolution {

/// Windows over a picture [height, width, channel]: the one at (row, column) begins at the pixel (row * step - top,
/// column * step - left).
struct Grid {
  std::int64_t batch = 0, height = 0, width = 0, channels = 0;
  std::int64_t rows = 0, columns = 0;             // of windows
  std::int64_t reach_down = 1, reach_across = 1;  // pixels of a window
  std::int64_t step = 1, top = 0, left = 0;

  /// Windows from line to line, those included that lie across the edge and count for nothing: neighbours are always
  /// equally far apart.
  std::int64_t line() const { return columns - 1 + (reach_across + step - 1) / step; }
  /// Numbers from window to window.
  std::int64_t apart() const { return step * channels; }
};

/// The rows of windows of one strip.
struct Strip {
  std::int64_t picture = 0, first = 0, rows = 0;
};

class Planes {
 public:
  /// For strips of at most `rows` rows of windows.
  Planes(const Grid& grid, std::int64_t rows);

  /// Splits what the windows of the strip read. False: a number is infinite, NaN or nearly too large.
  bool fill(const float* x, const Strip& strip);

  const BFloat16* data() const { return memory_.data<BFloat16>(); }
  /// Numbers from part to part.
  std::int64_t part() const { return part_; }
  /// Numbers from the first window's place to its pixel (down, across).
  std::int64_t place(std::int64_t down, std::int64_t across) const {
    return (down % grid_.step * lines_ + down / grid_.step) * line_ + across * grid_.channels;
  }
  /// Windows of a strip, with those that count for nothing between.
  std::int64_t windows(const Strip& strip) const { return (strip.rows - 1) * grid_.line() + grid_.columns; }

  static std::int64_t numbers(const Grid& grid, std::int64_t rows);

 private:
  const Grid& grid_;
  std::int64_t lines_, line_, part_;
  Array memory_;
};

/// Rows of windows per strip, such that its planes and `more` bytes per window stay in the second-level cache.
std::int64_t strip_rows(const Grid& grid, std::int64_t more);
/// All strips of all pictures, of at most `rows` rows.
std::vector<Strip> strips_of(const Grid& grid, std::int64_t rows);

}  // namespace joist::split_convolution
