// From the number of an element to where it lies in several arrays of one shape but any strides.
#pragma once

#include <joist/core/array.h>
#include <joist/cuda/launch.h>

#include <array>

namespace joist::cuda {

/// `operands` arrays of one shape (Array::expanded to broadcast). Elements are counted in row-major order of the shape.
template <int operands>
class Walk {
 public:
  struct Places {
    std::int64_t at[operands];
  };

  Walk() = default;
  Walk(const Shape& shape, const std::array<const Array*, operands>& arrays) : count_(shape.elements()) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == 1) continue;
      bool merges = rank_ > 0;
      for (int k = 0; k < operands; ++k)
        merges = merges && stride_[rank_ - 1][k] == arrays[static_cast<std::size_t>(k)]->strides()[axis] * shape[axis];
      if (!merges) length_[rank_++] = 1;
      length_[rank_ - 1] *= shape[axis];
      for (int k = 0; k < operands; ++k) stride_[rank_ - 1][k] = arrays[static_cast<std::size_t>(k)]->strides()[axis];
    }
  }

  JOIST_HOST_DEVICE std::int64_t count() const { return count_; }
  JOIST_DEVICE Places operator()(std::int64_t i) const {
    Places places{};
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      // 64-bit division takes many times as long as 32-bit.
      std::int64_t next, here;
      if (axis == 0) {
        next = 0, here = i;
      } else if (count_ <= 0x7FFFFFFF) {
        const auto left = static_cast<std::uint32_t>(i), length = static_cast<std::uint32_t>(length_[axis]);
        next = left / length, here = left % length;
      } else {
        next = i / length_[axis], here = i % length_[axis];
      }
      for (int k = 0; k < operands; ++k) places.at[k] += here * stride_[axis][k];
      i = next;
    }
    return places;
  }

 private:
  std::int64_t count_ = 0;
  int rank_ = 0;
  std::int64_t length_[Shape::max_rank] = {};
  std::int64_t stride_[Shape::max_rank][operands] = {};
};

}  // namespace joist::cuda
