// Elementwise work in tiles. A SIMD kernel only ever sees small matrices whose rows are gapless; the loops here bring
// arrays of any strides into that form: they walk arrays as they lie, gather and scatter what has gaps through buffers
// that stay in the first-level cache, broadcast, add where the output accumulates, and divide the work among threads.
#pragma once

#include <joist/core/cpu/strided.h>
#include <joist/core/kernels.h>

#include <array>
#include <cstdint>
#include <initializer_list>

namespace joist {

/// Elements along a row are neighbours; `row` is the distance from one row to the next in elements.
struct Tile {
  struct Input {
    const float* data = nullptr;
    std::int64_t row = 0;
  };
  std::array<Input, 3> in{};
  float* out = nullptr;
  std::int64_t out_row = 0;
  std::int64_t rows = 0, columns = 0;
  bool past_caches = false;  ///< out is better written to memory at once: OutputRow of simd-inl.h
};

/// Whether an output of `elements` floats does not stay in the caches until it is read: then the processor need not
/// read what it overwrites.
bool outgrows_caches(std::int64_t elements);
/// Whether rows of an output lie such that they can be written so.
inline bool fills_lines(const float* out, std::int64_t row, std::int64_t columns) {
  return reinterpret_cast<std::uintptr_t>(out) % 64 == 0 && row % 16 == 0 && columns % 16 == 0;
}

/// Overwrites tile.out; `parameters` is what for_each_tile() was given.
using TileFunction = void (*)(const void* parameters, const Tile& tile);

/// Most elements of a tile that needs a buffer.
inline constexpr std::int64_t tile_elements = 1024;

/// Applies `function` to float32 arrays, each of out's shape (expand to broadcast). At most three inputs. `out` may be
/// an input, exactly.
void for_each_tile(TileFunction function, const void* parameters, std::initializer_list<const Array*> inputs,
                   const Out& out);

/// The same with tiles whose rows are whole lines along `axis`.
void for_each_line(TileFunction function, const void* parameters, int axis, std::initializer_list<const Array*> inputs,
                   const Out& out);

/// Rows without gaps with the elements of a matrix of any strides: the matrix itself where it is so already, else a
/// copy in `buffer` (rows * columns floats).
Tile::Input gapless_rows(const float* data, std::int64_t row_stride, std::int64_t column_stride, std::int64_t rows,
                         std::int64_t columns, float* buffer);

}  // namespace joist
