// Sums of the columns of a matrix whose rows lie whole in memory, as gradients of biases are: sixteen bytes of
// neighbouring columns per lane, several rows before the first of them is needed.
#pragma once

#include <joist/cuda/sums.h>
#include <joist/cuda/vectors.h>

namespace joist::cuda {

/// Lanes take quads of columns, the warps of a block rows in turn, blocks parts of the rows. Where there are several
/// parts they go to `partial` [parts, columns].
template <class T>
struct SumColumns {
  static constexpr int width = Vectors<T>::width, tile = 32 * width;
  static constexpr int ahead = 4;  ///< rows on their way
  Walk<2> kept;                    // x, y
  Vectors<T> x;
  std::uint32_t rows, quads, row_quads, parts;  ///< quads: of the columns; row_quads: from row to row
  float scale;
  Result y;
  Typed<float> partial;

  JOIST_DEVICE void add(float (&total)[width], std::uint32_t quad, std::uint32_t row, std::uint32_t end,
                        std::uint32_t step) const {
    while (row < end) {  // sums of 32 rows, as Total's
      float part[width] = {};
      for (int taken = 0; taken < 32 && row < end; taken += ahead) {
        Quad quads_here[ahead];
        JOIST_UNROLL for (int u = 0; u < ahead; ++u) {
          quads_here[u] = Quad{{0, 0, 0, 0}};
          if (row + u * step < end) quads_here[u] = x[(row + u * step) * row_quads + quad];
        }
        JOIST_UNROLL for (int u = 0; u < ahead; ++u) {
          JOIST_UNROLL for (int k = 0; k < width; ++k) part[k] += element<T>(quads_here[u], k);
        }
        row += ahead * step;
      }
      JOIST_UNROLL for (int k = 0; k < width; ++k) total[k] += part[k];
    }
  }
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(threads_per_block * width);
    const std::uint32_t groups = (quads + 31) / 32, items = groups * parts;
    const auto lane = static_cast<std::uint32_t>(block.lane()), warp = static_cast<std::uint32_t>(block.warp()),
               warps = static_cast<std::uint32_t>(block.warps());
    for (auto item = static_cast<std::uint32_t>(block.index()); item < items;
         item += static_cast<std::uint32_t>(block.count())) {
      const std::uint32_t share = item / groups, group = item - share * groups, quad = group * 32 + lane,
                          of_part = (rows + parts - 1) / parts, start = share * of_part,
                          end = start + of_part < rows ? start + of_part : rows;
      float total[width] = {};
      if (quad < quads) add(total, quad, start + warp, end, warps);
      JOIST_UNROLL for (int k = 0; k < width; ++k) room[block.warp() * tile + k * 32 + block.lane()] = total[k];
      block.sync();
      const auto mine = static_cast<int>(block.thread());
      const std::uint32_t column = group * tile + static_cast<std::uint32_t>(mine);
      if (mine < tile && column < quads * width) {
        float sum = 0;
        for (int other = 0; other < block.warps(); ++other) {
          const float one = room[other * tile + mine % width * 32 + mine / width];
          sum += one;
        }
        if (parts > 1)
          partial.set(static_cast<std::int64_t>(share) * quads * width + column, sum);
        else
          y.put(kept(column).at[1], scale * sum);
      }
      block.sync();
    }
  }
};

/// Whether x and y lie so that it did; nothing is done otherwise.
inline bool sum_columns(const char* name, const Array& x, double scale, const Out& y) {
  if (!is_floating(x.dtype()) || x.dtype() == Dtype::float64 || x.elements() == 0 || !begins_quad(x)) return false;
  Shape kept = x.shape(), summed = x.shape();
  for (int axis = 0; axis < kept.rank(); ++axis) (y.array.shape(axis) == kept[axis] ? summed : kept)[axis] = 1;
  const Axes<2> lines(kept, {&x, &y.array}, WalkOrder::memory, 0);
  const Axes<1> along(summed, {&x}, WalkOrder::memory, 0);
  if (lines.rank != 1 || along.rank != 1 || lines.stride[0][0] != 1) return false;
  const auto width = static_cast<std::int64_t>(16 / size_of(x.dtype()));
  const std::int64_t columns = kept.elements(), rows = summed.elements(), step = along.stride[0][0];
  if (columns < 128 || columns % width != 0 || rows < 32 || step < columns || step % width != 0 ||
      rows * (step / width) > 0x7FFFFFFF)
    return false;
  const std::int64_t groups = (columns / width + 31) / 32;
  Sharing sharing;
  sharing.lines = columns;
  sharing.length = rows;
  sharing.parts = std::clamp<std::int64_t>(std::min(rows / 128, 1024 / groups), 1, 256);
  const Array partial =
      sharing.parts > 1 ? Array::empty({sharing.parts, columns}, Dtype::float32, y.array.device()) : Array();
  const Walk<2> walk(lines);
  const auto factor = static_cast<float>(scale);
  with_floating_type(x.dtype(), [&]<class T>(T) {
    launch(name,
           {.blocks = std::min(groups * sharing.parts, std::int64_t{4} * most_blocks),
            .shared_bytes = threads_per_block * width * static_cast<std::int64_t>(sizeof(float))},
           SumColumns<T>{walk, Vectors<T>(x), static_cast<std::uint32_t>(rows),
                         static_cast<std::uint32_t>(columns / width), static_cast<std::uint32_t>(step / width),
                         static_cast<std::uint32_t>(sharing.parts), factor, Result(y), Typed<float>(partial)});
  });
  if (sharing.parts > 1)
    launch(name,
           {.blocks = std::min(sharing.groups(), most_blocks),
            .shared_bytes = threads_per_block * static_cast<std::int64_t>(sizeof(float))},
           SumParts<1>{walk, factor, Result(y), sharing, Typed<float>(partial)});
  return true;
}

}  // namespace joist::cuda
