// Sums over axes of an array, or of a function of several arrays that is never stored.
#pragma once

#include <joist/core/cpu/tiles.h>

#include <initializer_list>

namespace joist {

/// out = scale * sum of `function` of the inputs over the axes along which `out` has length 1 and the inputs have not.
/// The inputs (at most three, float32) all have the full shape, expanded where they broadcast; without a function the
/// only input itself is summed. Adds at most 64 numbers at a time in float, everything else in double; the order
/// depends only on shapes and strides, not on the number of threads.
void sum_tiles(TileFunction function, const void* parameters, std::initializer_list<const Array*> inputs, double scale,
               const Out& out);

/// Two ways to sum a tile, for several instruction sets: total[row] += sum of the row's elements, and
/// total[column] += sum of the column's elements (at most 64 rows).
void add_row_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total);
void add_column_sums(const Tile::Input& tile, std::int64_t rows, std::int64_t columns, double* total);

}  // namespace joist
