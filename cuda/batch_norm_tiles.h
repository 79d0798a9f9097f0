// How the threads of batch_norm_vectors.cu share pictures whose channels lie innermost, how they read these, and what
// each knows of its channels.
#pragma once

#include <joist/cuda/batch_norm.h>
#include <joist/cuda/vectors.h>

#include <cmath>

namespace joist::cuda {

/// How a block's threads lie: side by side along the channels (columns) and over neighbouring places (rows), at most a
/// warp wide, so that what a block hands on stays small. A tile is what they take at once, `unroll` places each. Part
/// p has the tiles p, p + parts, …: all blocks together go through memory from one end to the other.
struct Tiles {
  static constexpr int most_columns = 32;
  std::uint32_t vectors = 0, columns = 0, groups = 0, rows = 0, places = 0, unroll = 0, tiles = 0, parts = 0;

  Tiles(const Array& x, int width, std::uint32_t unroll_)
      : vectors(static_cast<std::uint32_t>(x.shape(1) / width)),
        places(static_cast<std::uint32_t>(x.elements() / x.shape(1))),
        unroll(unroll_) {
    const auto up = [](std::uint32_t a, std::uint32_t b) { return (a + b - 1) / b; };
    groups = up(vectors, most_columns);
    columns = up(vectors, groups);
    rows = threads_per_block / columns;
    tiles = up(places, rows * unroll);
    const auto most = static_cast<std::uint32_t>(most_batch_norm_blocks());
    parts = std::clamp<std::uint32_t>(most / groups, 1, tiles);
  }
  /// The u-th place of a thread whose first one is given; what lies beyond the end is the last one, so that all are
  /// read at once without a branch.
  JOIST_DEVICE std::uint32_t place(std::uint32_t first, std::uint32_t u) const {
    const std::uint32_t here = first + u * rows;
    return here < places ? here : places - 1;
  }
  Grid grid(std::int64_t floats = 0) const {
    return {.blocks = static_cast<std::int64_t>(groups) * parts,
            .threads = threads_per_block,
            .shared_bytes = floats * threads_per_block * static_cast<std::int64_t>(sizeof(float)),
            .independent = floats == 0};
  }
};

/// Where a thread is.
struct Seat {
  std::uint32_t part, row, vector;
  bool mine;
  JOIST_DEVICE Seat(const Block& block, const Tiles& tiles) {
    const auto index = static_cast<std::uint32_t>(block.index()), thread = static_cast<std::uint32_t>(block.thread());
    part = index / tiles.groups;
    row = thread / tiles.columns;
    vector = index % tiles.groups * tiles.columns + thread % tiles.columns;
    mine = row < tiles.rows && vector < tiles.vectors;
  }
};

/// From one place to the next, in elements, of an array whose channels lie innermost; 0 where that differs.
inline std::int64_t place_step(const Array& x) {
  std::int64_t step = 0, length = 1;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    if (axis == 1 || x.shape(axis) == 1) continue;
    if (length == 1) step = x.strides()[axis];
    if (x.strides()[axis] != step * length) return 0;
    length *= x.shape(axis);
  }
  return length == 1 ? x.shape(1) : step;
}

/// Pictures by quads of their channels.
template <class T>
class Pictures {
 public:
  static constexpr int width = Vectors<T>::width;
  explicit Pictures(const Array& array) : quads_(array), step_(static_cast<std::uint32_t>(place_step(array) / width)) {}
  JOIST_DEVICE Quad get(std::uint32_t place, std::uint32_t vector) const { return quads_[place * step_ + vector]; }
  /// Adds to what is there where that is wanted.
  JOIST_DEVICE void put(std::uint32_t place, std::uint32_t vector, float (&values)[width], bool accumulate) const {
    const std::uint32_t at = place * step_ + vector;
    if (accumulate) {
      const Quad old = quads_[at];
      for (int k = 0; k < width; ++k) values[k] += element<T>(old, k);
    }
    quads_.set(at, quad_of<T>(values));
  }

 private:
  Vectors<T> quads_;
  std::uint32_t step_;
};

/// Per-channel numbers, read by quads where they are floats side by side.
class ChannelNumbers {
 public:
  ChannelNumbers(const Array& array, float otherwise)
      : any_(array, otherwise),
        wide_(array.defined() && array.dtype() == Dtype::float32 && array.strides()[0] == 1 && begins_quad(array)) {
    if (wide_) quads_ = Vectors<float>(array);
  }
  template <int width>
  JOIST_DEVICE void take(std::uint32_t vector, float (&to)[width]) const {
    if (wide_) {
      JOIST_UNROLL
      for (int k = 0; k < width; k += 4) {
        const Quad quad = quads_[vector * (width / 4) + static_cast<std::uint32_t>(k) / 4];
        for (int j = 0; j < 4; ++j) to[k + j] = element<float>(quad, j);
      }
      return;
    }
    JOIST_UNROLL
    for (int k = 0; k < width; ++k) to[k] = any_[static_cast<std::int64_t>(vector) * width + k];
  }

 private:
  VectorOrNumber any_;
  Vectors<float> quads_{};
  bool wide_;
};

/// Per-channel numbers of a thread: z = factor · (x - center) + shift.
template <int width>
struct Line {
  float center[width], factor[width], shift[width];
};
struct LayerLines {
  ChannelNumbers gamma, beta, mean, deviation;
  bool variance;
  float epsilon;
  explicit LayerLines(const Normalization& layer)
      : gamma(layer.gamma, 1),
        beta(layer.beta, 0),
        mean(layer.mean, 0),
        deviation(layer.deviation, 0),
        variance(layer.variance),
        epsilon(static_cast<float>(layer.epsilon)) {}
  template <int width>
  JOIST_DEVICE void scale(std::uint32_t vector, float (&to)[width]) const {
    deviation.take(vector, to);
    if (!variance) return;
    JOIST_UNROLL
    for (int k = 0; k < width; ++k) to[k] = 1 / std::sqrt(to[k] + epsilon);
  }
  template <int width>
  JOIST_DEVICE void take(std::uint32_t vector, Line<width>& line) const {
    float inverse[width];
    scale(vector, inverse);
    gamma.take(vector, line.factor);
    mean.take(vector, line.center);
    beta.take(vector, line.shift);
    for (int k = 0; k < width; ++k) line.factor[k] *= inverse[k];
  }
};

/// Calls take(other) in threads of row r for the thread of row r + s, whose numbers the room holds, until row 0 has
/// those of all rows; keep() writes a thread's own into the room.
template <class Keep, class Take>
JOIST_DEVICE void fold_rows(Block& block, const Tiles& tiles, const Seat& seat, const Keep& keep, const Take& take) {
  std::uint32_t half = 1;
  while (2 * half < tiles.rows) half *= 2;
  keep();
  block.sync();
  for (; half > 0; half /= 2) {
    if (seat.mine && seat.row < half && seat.row + half < tiles.rows) {
      take(block.thread() + static_cast<int>(half * tiles.columns));
      keep();
    }
    block.sync();
  }
}

}  // namespace joist::cuda
