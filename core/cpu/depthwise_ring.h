// How depthwise convolutions walk pictures: a block of channels of one picture at a time, whose rows are brought, as
// they are needed, into a ring of rows with a frame of zeros, where windows need no check for the padding and other
// channels take up no cache.
#pragma once

#include <joist/core/array.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace joist::depthwise {

/// Blocks of channels.
struct Blocks {
  /// For kernels of so many rows.
  Blocks(std::int64_t channel_count, std::int64_t kernel) : channels(channel_count) {
    // Few floats per pixel waste the memory's bandwidth, many make rows that leave the cache before they are used
    // again.
    constexpr std::int64_t register_floats = 16;
    const std::int64_t widest = kernel > 3 ? 64 : 128;
    const std::int64_t wanted = (channels + widest - 1) / widest, each = (channels + wanted - 1) / wanted;
    block = (each + register_floats - 1) / register_floats * register_floats;
    count = (channels + block - 1) / block;
  }
  std::int64_t channels_of(std::int64_t b) const { return std::min(block, channels - b * block); }
  /// Floats of a vector of all channels.
  std::int64_t floats() const { return count * block; }

  std::int64_t channels, block = 0, count = 0;  // channels of a block; the last may have fewer
};

/// A ring's sizes: rows and pixels of a picture, zeros on both sides of a row, rows that are kept, floats of a pixel.
struct RingShape {
  std::int64_t rows, pixels, left, right, kept, block;
  std::int64_t row_floats() const { return (left + pixels + right) * block; }
  std::int64_t floats() const { return kept * row_floats(); }
  /// The frame of zeros. Rings write between.
  void clear(float* memory) const { std::memset(memory, 0, static_cast<std::size_t>(floats()) * sizeof(float)); }
};

/// The rows of a block of one picture that the windows at hand need. fill(pixel, to): brings a row of it, which begins
/// with that pixel of all pictures' pixels, into pixels `block` floats apart.
template <class Fill>
class Ring {
 public:
  /// `memory`: shape.floats() of them, once cleared for all rings of that shape.
  Ring(const RingShape& shape, float* memory, Fill fill) : shape_(shape), memory_(memory), fill_(std::move(fill)) {}

  /// `pixel`: the picture's first one.
  void begin(std::int64_t pixel) {
    picture_ = pixel;
    first_ = true;
  }

  /// The first pixel of a row; of rows above and below the picture, zeros. Rows are asked for in ascending order, but
  /// for the last `kept` ones.
  const float* row(std::int64_t number) {
    if (first_) next_ = number;
    first_ = false;
    for (next_ = std::max(next_, number - shape_.kept + 1); next_ <= number; ++next_) read(next_);
    return slot(number);
  }

 private:
  float* slot(std::int64_t number) const {
    const std::int64_t place = ((number % shape_.kept) + shape_.kept) % shape_.kept;
    return memory_ + place * shape_.row_floats() + shape_.left * shape_.block;
  }
  void read(std::int64_t number) const {
    float* const to = slot(number);
    if (number < 0 || number >= shape_.rows)
      std::memset(to, 0, static_cast<std::size_t>(shape_.pixels * shape_.block) * sizeof(float));
    else
      fill_(picture_ + number * shape_.pixels, to);
  }

  RingShape shape_;
  float* memory_;
  Fill fill_;
  std::int64_t picture_ = 0, next_ = 0;
  bool first_ = true;
};

}  // namespace joist::depthwise
