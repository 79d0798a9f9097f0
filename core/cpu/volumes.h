// Arrays [batch, channel, up to three axes] as loops over planes or volumes.
#pragma once

#include <joist/core/array.h>

#include <array>

namespace joist {

/// The spatial axes of one picture or volume, filled up in front with lengths of 1.
struct Volume {
  std::array<std::int64_t, 3> length{1, 1, 1}, stride{0, 0, 0};

  std::int64_t offset(std::int64_t a, std::int64_t b, std::int64_t c) const {
    return a * stride[0] + b * stride[1] + c * stride[2];
  }
  /// Of the element number `position`, counted row-major.
  std::int64_t offset(std::int64_t position) const {
    const std::int64_t rest = position / length[2];
    return offset(rest / length[1], rest % length[1], position % length[2]);
  }
  std::int64_t elements() const { return length[0] * length[1] * length[2]; }
};

inline Volume volume_of(const Array& array) {
  Volume volume;
  const int axes = array.rank() - 2;
  for (int i = 0; i < axes; ++i) {
    const auto at = static_cast<std::size_t>(3 - axes + i);
    volume.length[at] = array.shape(2 + i);
    volume.stride[at] = array.strides()[2 + i];
  }
  return volume;
}

/// Options of two or three axes as three.
inline std::array<std::int64_t, 3> three(const Shape& option, std::int64_t missing) {
  std::array<std::int64_t, 3> values{missing, missing, missing};
  for (int i = 0; i < option.rank(); ++i) values[static_cast<std::size_t>(3 - option.rank() + i)] = option[i];
  return values;
}

/// Offset of a plane's first element, planes counted over batch and channel.
inline std::int64_t plane_offset(const Array& array, std::int64_t plane) {
  return plane / array.shape(1) * array.strides()[0] + plane % array.shape(1) * array.strides()[1];
}

}  // namespace joist
