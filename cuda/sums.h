// Sums over some axes of arrays, in an order that depends on their shapes and strides only.
#pragma once

#include <joist/cuda/lines.h>

#include <bit>

namespace joist::cuda {

/// Who adds up a line: chosen so that neighbouring threads read neighbours.
enum class Adders : std::uint8_t {
  thread,   ///< each a line of its own
  lanes,    ///< 2, 4, … 32 of a warp
  columns,  ///< the warps of a block, a lane per line
  block
};

/// How lines are shared. Long ones are cut into parts where there are few, and the parts added in their order.
struct Sharing {
  Adders adders = Adders::thread;
  std::int64_t lines = 0, length = 0, parts = 1;
  int lanes = 1;

  Sharing() = default;
  /// `beside`: neighbours in memory are of different lines.
  Sharing(std::int64_t lines_, std::int64_t length_, bool beside) : lines(lines_), length(length_) {
    constexpr std::int64_t blocks_wanted = most_blocks / 2, enough_threads = 65536;
    const auto cut = [&](std::int64_t shortest, std::int64_t items) {
      parts = std::clamp<std::int64_t>(std::min(length / shortest, blocks_wanted / items), 1, 256);
    };
    if (beside) {
      if (length < 32 || (length < 1024 && lines >= enough_threads)) return;
      adders = Adders::columns;
      cut(64, groups());
    } else if (length <= 512) {
      adders = length > 1 ? Adders::lanes : Adders::thread;
      lanes = length >= 32
                  ? 32
                  : static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(length, 1))));
    } else {
      adders = Adders::block;
      cut(2048, lines);
    }
  }
  JOIST_HOST_DEVICE std::int64_t groups() const { return (lines + 31) / 32; }
  /// Of a block's work.
  JOIST_HOST_DEVICE std::int64_t items() const {
    if (adders == Adders::columns) return groups() * parts;
    if (adders == Adders::block) return lines * parts;
    return (lines * lanes + threads_per_block - 1) / threads_per_block;
  }
  Grid grid() const {
    const bool alone = adders == Adders::thread;
    return {.blocks = std::min(items(), std::int64_t{4} * most_blocks),
            .threads = threads_per_block,
            .shared_bytes = alone ? 0 : threads_per_block * static_cast<std::int64_t>(sizeof(float)),
            .independent = alone};
  }
};

/// The sum over a block's warps of one lane, in their order; for all threads. `room` holds a float per thread.
JOIST_DEVICE inline float sum_of_lane(Block& block, const Shared<float>& room, float own) {
  room[block.thread()] = own;
  block.sync();
  float total = 0;
  for (int warp = 0; warp < block.warps(); ++warp) {
    const float one = room[warp * 32 + block.lane()];
    total += one;
  }
  block.sync();
  return total;
}

/// y = scale · Σ f(place in each operand) over the axes on which y has length 1 and `shape` has not. The operands have
/// `shape`. Where lines have parts, these go to `partial` [parts, lines].
template <int operands, class F>
struct SumLines {
  Walk<operands + 1> kept;
  Walk<operands> summed;
  F f;
  float scale;
  Result y;
  Sharing sharing;
  Typed<float> partial;

  JOIST_DEVICE float term(const typename Walk<operands + 1>::Places& base, std::int64_t j) const {
    typename Walk<operands>::Places places = summed(j);
    for (int k = 0; k < operands; ++k) places.at[k] += base.at[k];
    return f(places);
  }
  JOIST_DEVICE float own_sum(const typename Walk<operands + 1>::Places& base, std::int64_t j, std::int64_t last,
                             std::int64_t step) const {
    Total total;
    for (; j + 3 * step < last; j += 4 * step) {
      float terms[4];
      JOIST_UNROLL for (int u = 0; u < 4; ++u) terms[u] = term(base, j + u * step);
      JOIST_UNROLL for (int u = 0; u < 4; ++u) total.add(terms[u]);
    }
    for (; j < last; j += step) total.add(term(base, j));
    return total.value();
  }
  JOIST_DEVICE void operator()(Block& block) const {
    const Adders adders = sharing.adders;
    Shared<float> room{};
    if (adders == Adders::columns || adders == Adders::block) room = block.shared<float>(threads_per_block);
    for (std::int64_t item = block.index(); item < sharing.items(); item += block.count()) {
      std::int64_t line, part = 0, first, step;
      if (adders == Adders::columns) {
        part = item / sharing.groups();
        line = (item - part * sharing.groups()) * 32 + block.lane();
        first = block.warp(), step = block.warps();
      } else if (adders == Adders::block) {
        part = item / sharing.lines;
        line = item - part * sharing.lines;
        first = block.thread(), step = block.threads();
      } else {
        line = (item * block.threads() + block.thread()) / sharing.lanes;
        first = block.thread() & (sharing.lanes - 1), step = sharing.lanes;
      }
      const bool mine = line < sharing.lines;
      const auto base = kept(mine ? line : 0);
      const std::int64_t start = part * sharing.length / sharing.parts,
                         end = (part + 1) * sharing.length / sharing.parts;
      float total = mine ? own_sum(base, start + first, end, step) : 0.0F;
      bool writes = mine && first == 0;
      if (adders == Adders::columns)
        total = sum_of_lane(block, room, total);
      else if (adders == Adders::block)
        total = sum(block, room, total);
      else
        for (int mask = sharing.lanes / 2; mask > 0; mask /= 2) total += block.shuffle_xor(total, mask);
      if (!writes) continue;
      if (sharing.parts > 1)
        partial.set(part * sharing.lines + line, total);
      else
        y.put(base.at[operands], scale * total);
    }
  }
};

/// The parts of lines, added in their order: a lane per line, the parts shared by the warps of a block.
template <int operands>
struct SumParts {
  Walk<operands + 1> kept;
  float scale;
  Result y;
  Sharing sharing;
  Typed<float> partial;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(threads_per_block);
    for (std::int64_t group = block.index(); group < sharing.groups(); group += block.count()) {
      const std::int64_t line = group * 32 + block.lane();
      const bool mine = line < sharing.lines;
      Total own;
      for (std::int64_t part = block.warp(); mine && part < sharing.parts; part += block.warps())
        own.add(partial[part * sharing.lines + line]);
      const float total = sum_of_lane(block, room, own.value());
      if (mine && block.warp() == 0) y.put(kept(line).at[operands], scale * total);
    }
  }
};

/// `arrays` have y's rank and, on each axis, one length; y has it too, or 1.
template <int operands, class F>
void sum_lines(const char* name, const std::array<const Array*, operands>& arrays, const F& f, double scale,
               const Out& y) {
  const Shape& shape = arrays[0]->shape();
  Shape kept = shape, summed = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) (y.array.shape(axis) == shape[axis] ? summed : kept)[axis] = 1;
  if (kept.elements() == 0) return;
  std::array<const Array*, operands + 1> with_y{};
  std::copy(arrays.begin(), arrays.end(), with_y.begin());
  with_y[operands] = &y.array;
  // Axes are ordered as they lie in the operand with most elements of its own.
  int leader = 0, most = -1;
  for (int k = 0; k < operands; ++k) {
    int own = 0;
    for (const std::int64_t stride : arrays[static_cast<std::size_t>(k)]->strides()) own += stride != 0 ? 1 : 0;
    if (own > most) leader = k, most = own;
  }
  const Axes<operands + 1> lines(kept, with_y, WalkOrder::memory, leader);
  const Axes<operands> along(summed, arrays, WalkOrder::memory, leader);
  const auto step = [&](const auto& axes) {
    return axes.rank == 0 ? std::int64_t{0x7FFFFFFFFFFFFFFF} : std::abs(axes.stride[axes.rank - 1][leader]);
  };
  const Sharing sharing(kept.elements(), summed.elements(), step(lines) < step(along));
  const Array partial =
      sharing.parts > 1 ? Array::empty({sharing.parts, sharing.lines}, Dtype::float32, y.array.device()) : Array();
  const Walk<operands + 1> kept_walk(lines);
  const auto factor = static_cast<float>(scale);
  launch(name, sharing.grid(),
         SumLines<operands, F>{kept_walk, Walk<operands>(summed, arrays, WalkOrder::memory, leader), f, factor,
                               Result(y), sharing, Typed<float>(partial)});
  if (sharing.parts > 1)
    launch(name,
           {.blocks = std::min(sharing.groups(), most_blocks),
            .shared_bytes = threads_per_block * static_cast<std::int64_t>(sizeof(float))},
           SumParts<operands>{kept_walk, factor, Result(y), sharing, Typed<float>(partial)});
}

}  // namespace joist::cuda
