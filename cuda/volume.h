// Pictures [batch, channel, height, width] and volumes [batch, channel, depth, height, width], also sequences, as one.
#pragma once

#include <joist/core/array.h>
#include <joist/cuda/launch.h>

namespace joist::cuda {

struct Place {
  std::int64_t batch, channel, at[3];
};

/// The lengths of the spatial axes, the last ones used; the others have length 1.
struct Volume {
  std::int64_t batches = 0, channels = 0, length[3] = {1, 1, 1};
  std::int64_t batch_stride = 0, channel_stride = 0, stride[3] = {0, 0, 0};

  Volume() = default;
  explicit Volume(const Array& array)
      : batches(array.shape(0)),
        channels(array.shape(1)),
        batch_stride(array.strides()[0]),
        channel_stride(array.strides()[1]) {
    for (int axis = 2; axis < array.rank(); ++axis) {
      length[axis + 3 - array.rank()] = array.shape(axis);
      stride[axis + 3 - array.rank()] = array.strides()[axis];
    }
  }
  JOIST_HOST_DEVICE std::int64_t plane() const { return length[0] * length[1] * length[2]; }
  JOIST_HOST_DEVICE std::int64_t count() const { return batches * channels * plane(); }
  /// Row-major.
  JOIST_DEVICE Place place(std::int64_t i) const {
    Place p{};
    for (int axis = 2; axis >= 0; --axis) {
      p.at[axis] = i % length[axis];
      i /= length[axis];
    }
    p.channel = i % channels;
    p.batch = i / channels;
    return p;
  }
  /// As place(), but in another order: where channels lie innermost, as the elements lie in memory.
  JOIST_DEVICE Place place_in_memory(std::int64_t i) const {
    const bool inside = channel_stride == 1 && stride[2] != 1;
    if (count() > 0x7FFFFFFF) return place(i);
    auto left = static_cast<std::uint32_t>(i);
    Place p{};
    if (inside) p.channel = split(left, channels);
    for (int axis = 2; axis >= 0; --axis) p.at[axis] = split(left, length[axis]);
    if (!inside) p.channel = split(left, channels);
    p.batch = left;
    return p;
  }
  JOIST_DEVICE std::int64_t offset(const Place& p) const {
    return p.batch * batch_stride + p.channel * channel_stride + p.at[0] * stride[0] + p.at[1] * stride[1] +
           p.at[2] * stride[2];
  }
  /// Number of a place in its plane or volume, and back.
  JOIST_DEVICE std::int64_t position(const Place& p) const {
    return (p.at[0] * length[1] + p.at[1]) * length[2] + p.at[2];
  }
  JOIST_DEVICE Place at_position(const Place& p, std::int64_t position) const {
    return {
        p.batch, p.channel, {position / length[2] / length[1], position / length[2] % length[1], position % length[2]}};
  }

 private:
  // 32-bit division: a sixth of the time of 64-bit.
  JOIST_DEVICE static std::int64_t split(std::uint32_t& left, std::int64_t length) {
    const std::uint32_t number = left, by = static_cast<std::uint32_t>(length);
    left = number / by;
    return number - left * by;
  }
};

/// Options with an entry per spatial axis, as three; `otherwise` for the axes that are not there.
struct Three {
  std::int64_t at[3];
  Three(const Shape& shape, std::int64_t otherwise) : at{otherwise, otherwise, otherwise} {
    for (int i = 0; i < shape.rank(); ++i) at[i + 3 - shape.rank()] = shape[i];
  }
};

}  // namespace joist::cuda
