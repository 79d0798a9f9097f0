// From the number of an element to where it lies in several arrays of one shape but any strides.
#pragma once

#include <joist/core/array.h>
#include <joist/cuda/divisor.h>
#include <joist/cuda/launch.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace joist::cuda {

/// In which order a walk counts the elements.
enum class WalkOrder {
  rows,   ///< row-major, as the shape says
  memory  ///< as they lie in the array that orders: fewer axes, and neighbours are next to each other
};

/// The axes of `operands` arrays of one shape (Array::expanded to broadcast), without those of length 1, and as one
/// where they lie one behind the other in every array.
template <int operands>
struct Axes {
  int rank = 0;
  std::int64_t length[Shape::max_rank] = {};
  std::int64_t stride[Shape::max_rank][operands] = {};

  Axes() = default;
  /// `leader`: the array that orders.
  Axes(const Shape& shape, const std::array<const Array*, operands>& arrays, WalkOrder order, int leader) {
    std::array<int, Shape::max_rank> chosen{};
    int count = 0;
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] != 1) chosen[static_cast<std::size_t>(count++)] = axis;
    if (order == WalkOrder::memory)
      std::stable_sort(chosen.begin(), chosen.begin() + count, [&](int a, int b) {
        const Strides& strides = arrays[static_cast<std::size_t>(leader)]->strides();
        return std::abs(strides[a]) > std::abs(strides[b]);
      });
    for (int i = 0; i < count; ++i) {
      const int axis = chosen[static_cast<std::size_t>(i)];
      bool merges = rank > 0;
      for (int k = 0; k < operands; ++k)
        merges = merges && stride[rank - 1][k] == arrays[static_cast<std::size_t>(k)]->strides()[axis] * shape[axis];
      if (!merges) length[rank++] = 1;
      length[rank - 1] *= shape[axis];
      for (int k = 0; k < operands; ++k) stride[rank - 1][k] = arrays[static_cast<std::size_t>(k)]->strides()[axis];
    }
  }
  std::int64_t count() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= length[axis];
    return product;
  }
};

template <int operands>
class Walk {
 public:
  struct Places {
    std::int64_t at[operands];
  };

  Walk() = default;
  Walk(const Shape& shape, const std::array<const Array*, operands>& arrays, WalkOrder order = WalkOrder::rows,
       int leader = 0)
      : Walk(Axes<operands>(shape, arrays, order, leader)) {
    count_ = shape.elements();
  }
  explicit Walk(const Axes<operands>& axes) : count_(axes.count()), rank_(axes.rank) {
    small_ = count_ <= 0x7FFFFFFF;
    for (int axis = 0; axis < rank_; ++axis) {
      length_[axis] = axes.length[axis];
      if (length_[axis] > 0x7FFFFFFF) small_ = false;
      for (int k = 0; k < operands; ++k) {
        stride_[axis][k] = axes.stride[axis][k];
        if (std::abs(stride_[axis][k]) > 0x7FFFFFFF) small_ = false;
      }
    }
    for (int axis = 0; small_ && count_ > 0 && axis < rank_; ++axis) divisor_[axis] = Divisor(length_[axis]);
  }

  JOIST_HOST_DEVICE std::int64_t count() const { return count_; }
  JOIST_DEVICE Places operator()(std::int64_t i) const {
    Places places{};
    if (!small_) return far_places(i);
    // 64-bit arithmetic takes many times as long as 32-bit.
    auto left = static_cast<std::uint32_t>(i);
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      std::uint32_t here = left;
      if (axis > 0) {
        left = divisor_[axis].divide(left);
        here -= left * divisor_[axis].value();
      }
      for (int k = 0; k < operands; ++k)
        places.at[k] += static_cast<std::int64_t>(static_cast<std::int32_t>(here)) *
                        static_cast<std::int64_t>(static_cast<std::int32_t>(stride_[axis][k]));
    }
    return places;
  }

 private:
  JOIST_DEVICE Places far_places(std::int64_t i) const {
    Places places{};
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      const std::int64_t next = axis == 0 ? 0 : i / length_[axis];
      const std::int64_t here = i - next * length_[axis];
      for (int k = 0; k < operands; ++k) places.at[k] += here * stride_[axis][k];
      i = next;
    }
    return places;
  }

  std::int64_t count_ = 0;
  int rank_ = 0;
  bool small_ = true;  // counts and strides are of 32 bits
  std::int64_t length_[Shape::max_rank] = {};
  Divisor divisor_[Shape::max_rank] = {};
  std::int64_t stride_[Shape::max_rank][operands] = {};
};

}  // namespace joist::cuda
