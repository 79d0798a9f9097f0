#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/tiles.h>

#include <algorithm>
#include <vector>

namespace joist {
namespace {

using Axis = StridedAxes::Axis;
constexpr std::int64_t elements_per_thread = 16384;  // waking a thread costs about as much as this many elements

// Copies rows to a matrix of any strides, or adds them.
void scatter(const float* from, std::int64_t rows, std::int64_t columns, float* to, std::int64_t row_stride,
             std::int64_t column_stride, bool add) {
  if (add && column_stride == 1) {
    static const Binary sum = Add{};
    const BoundFunction bound = binary_value(sum);
    Tile tile;
    tile.in = {Tile::Input{to, row_stride}, Tile::Input{from, columns}, {}};
    tile.out = to;
    tile.out_row = row_stride;
    tile.rows = rows;
    tile.columns = columns;
    return bound.function(bound.parameters, tile);
  }
  for (std::int64_t row = 0; row < rows; ++row, from += columns, to += row_stride) {
    if (add)
      for (std::int64_t i = 0; i < columns; ++i) to[i * column_stride] += from[i];
    else
      for (std::int64_t i = 0; i < columns; ++i) to[i * column_stride] = from[i];
  }
}

// Operand 0 of the axes is the output, the inputs follow.
struct Loop {
  TileFunction function;
  const void* parameters;
  std::array<const float*, 3> inputs{};
  std::size_t input_count = 0;
  float* out;
  bool accumulate;
  StridedAxes outer;
  Axis row{1, {}}, column{1, {}};

  bool buffered() const {
    if (accumulate) return true;
    for (std::size_t i = 0; i <= input_count; ++i)
      if (column.stride[i] != 1 && column.length != 1) return true;
    return false;
  }

  void run(std::int64_t most_columns) const {
    if (outer.empty()) return;
    const bool with_buffers = buffered();
    const std::int64_t width = std::min(column.length, most_columns);
    const std::int64_t target = with_buffers ? tile_elements : 8 * tile_elements;
    const std::int64_t height = std::clamp<std::int64_t>(target / width, 1, row.length);
    const std::int64_t across = (column.length + width - 1) / width, down = (row.length + height - 1) / height;
    const std::int64_t tiles = outer.elements() * down * across;
    // What is also read is in the caches already.
    const bool past = outgrows_caches(outer.elements() * row.length * column.length) && !accumulate &&
                      std::find(inputs.begin(), inputs.begin() + input_count, out) == inputs.begin() + input_count;
    parallel_for(tiles, elements_per_thread / (width * height), [&](std::int64_t begin, std::int64_t end) {
      std::array<float, 4 * tile_elements> small;
      std::vector<float> large;
      float* buffer = small.data();
      const std::int64_t size = width * height;
      if (with_buffers && size > tile_elements) {
        large.resize(static_cast<std::size_t>(4 * size));
        buffer = large.data();
      }
      for (std::int64_t index = begin; index < end; ++index) {
        const std::int64_t x = index % across * width, y = index / across % down * height;
        StridedAxes::Offsets at = outer.offsets(index / across / down);
        for (std::size_t i = 0; i <= input_count; ++i) at[i] += x * column.stride[i] + y * row.stride[i];
        Tile tile;
        tile.rows = std::min(height, row.length - y);
        tile.columns = std::min(width, column.length - x);
        for (std::size_t i = 0; i < input_count; ++i)
          tile.in[i] = gapless_rows(inputs[i] + at[i + 1], row.stride[i + 1], column.stride[i + 1], tile.rows,
                                    tile.columns, buffer + static_cast<std::int64_t>(i) * size);
        float* const to = out + at[0];
        const bool direct = !accumulate && (column.stride[0] == 1 || column.length == 1);
        tile.out = direct ? to : buffer + 3 * size;
        tile.out_row = direct ? row.stride[0] : tile.columns;
        tile.past_caches = past && direct && fills_lines(tile.out, tile.out_row, tile.columns);
        function(parameters, tile);
        if (!direct) scatter(tile.out, tile.rows, tile.columns, to, row.stride[0], column.stride[0], accumulate);
      }
    });
  }
};

Loop loop_over(TileFunction function, const void* parameters, std::initializer_list<const Array*> inputs,
               const Out& out) {
  std::array<const Array*, 3> in{&out.array, &out.array, &out.array};
  std::copy(inputs.begin(), inputs.end(), in.begin());
  // Unused slots repeat the output: they change nothing in the order and the merging of axes.
  Loop loop{.function = function,
            .parameters = parameters,
            .out = out.array.data<float>(),
            .accumulate = out.accumulate,
            .outer = StridedAxes(out.array.shape(), {&out.array, in[0], in[1], in[2]})};
  for (const Array* input : inputs) loop.inputs[loop.input_count++] = input->data<float>();
  return loop;
}

// A short innermost axis with gaps makes every row a small copy; then the next axis had better be the inner one.
bool too_short(const StridedAxes& axes) {
  const Axis &inner = axes[axes.rank() - 1], &next = axes[axes.rank() - 2];
  if (inner.length >= 16 || next.length <= inner.length) return false;
  return std::any_of(inner.stride.begin(), inner.stride.end(), [](std::int64_t stride) { return stride != 1; });
}

}  // namespace

// Between 8 and 32 MB an output is written faster past the caches, but what reads it next loses as much.
bool outgrows_caches(std::int64_t elements) { return elements >= std::int64_t{1} << 23; }

Tile::Input gapless_rows(const float* data, std::int64_t row_stride, std::int64_t column_stride, std::int64_t rows,
                         std::int64_t columns, float* buffer) {
  if (column_stride == 1 || columns == 1) return {data, row_stride};
  if (row_stride == 0) rows = 1;
  if (column_stride == 0) {
    for (std::int64_t row = 0; row < rows; ++row) std::fill_n(buffer + row * columns, columns, data[row * row_stride]);
  } else if (row_stride == 1) {
    for (std::int64_t i = 0; i < columns; ++i)
      for (std::int64_t row = 0; row < rows; ++row) buffer[row * columns + i] = data[i * column_stride + row];
  } else {
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < columns; ++i) buffer[row * columns + i] = data[row * row_stride + i * column_stride];
  }
  return {buffer, row_stride == 0 ? 0 : columns};
}

void for_each_tile(TileFunction function, const void* parameters, std::initializer_list<const Array*> inputs,
                   const Out& out) {
  Loop loop = loop_over(function, parameters, inputs, out);
  if (loop.outer.rank() > 1 && too_short(loop.outer)) loop.outer.move_innermost(loop.outer.rank() - 2);
  if (loop.outer.rank() > 0) loop.column = loop.outer.remove(loop.outer.rank() - 1);
  if (loop.outer.rank() > 0) loop.row = loop.outer.remove(loop.outer.rank() - 1);
  loop.run(loop.buffered() ? tile_elements : 8 * tile_elements);
}

void for_each_line(TileFunction function, const void* parameters, int axis, std::initializer_list<const Array*> inputs,
                   const Out& out) {
  const auto across_lines = [axis](const Array& array) { return array.selected(axis, 0); };
  const std::int64_t length = out.array.shape(axis);
  if (length == 0) return;
  const Array out_lines = across_lines(out.array);
  std::array<Array, 3> lines;
  std::array<const Array*, 3> pointers{&out_lines, &out_lines, &out_lines};
  std::size_t count = 0;
  for (const Array* input : inputs) {
    lines[count] = across_lines(*input);
    pointers[count] = &lines[count];
    ++count;
  }
  Loop loop{.function = function,
            .parameters = parameters,
            .out = out.array.data<float>(),
            .accumulate = out.accumulate,
            .outer = StridedAxes(out_lines.shape(), {&out_lines, pointers[0], pointers[1], pointers[2]})};
  loop.column.length = length;
  loop.column.stride[0] = out.array.strides()[axis];
  for (const Array* input : inputs) {
    loop.inputs[loop.input_count++] = input->data<float>();
    loop.column.stride[loop.input_count] = input->strides()[axis];
  }
  if (loop.outer.rank() > 0) loop.row = loop.outer.remove(loop.outer.rank() - 1);
  loop.run(length);
}

}  // namespace joist
