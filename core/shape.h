// Shape: the lengths of up to eight axes, kept inline. Strides are kept in the same type.
#pragma once

#include <joist/core/error.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace joist {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> lengths) : Shape(std::span(lengths.begin(), lengths.size())) {}
  /// Throws ShapeError for more than eight axes.
  explicit Shape(std::span<const std::int64_t> lengths);
  /// `rank` axes of the same length.
  static Shape filled(int rank, std::int64_t length);

  int rank() const noexcept { return rank_; }
  /// Length of an axis; negative axes count from the end. Throws ShapeError when out of range.
  std::int64_t operator[](int axis) const { return lengths_[index(axis)]; }
  std::int64_t& operator[](int axis) { return lengths_[index(axis)]; }
  /// An axis in 0 … rank-1 from one that may be negative. Throws ShapeError when out of range.
  int axis(int axis) const { return static_cast<int>(index(axis)); }

  /// Number of elements; 1 for rank 0. Throws ShapeError when it does not fit 63 bits.
  std::int64_t elements() const;
  /// Product of the lengths of axes [first, last).
  std::int64_t elements(int first, int last) const;

  const std::int64_t* begin() const noexcept { return lengths_.data(); }
  const std::int64_t* end() const noexcept { return lengths_.data() + rank_; }

  Shape with(int axis, std::int64_t length) const;
  Shape without(int axis) const;
  Shape inserted(int axis, std::int64_t length) const;

  /// "[16, 3, 320, 320]".
  std::string text() const;

  friend bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.lengths_[static_cast<std::size_t>(i)] != b.lengths_[static_cast<std::size_t>(i)]) return false;
    return true;
  }

 private:
  std::size_t index(int axis) const {
    const int from_start = axis < 0 ? axis + rank_ : axis;
    if (from_start < 0 || from_start >= rank_) refuse(axis);
    return static_cast<std::size_t>(from_start);
  }
  [[noreturn]] void refuse(int axis) const;

  std::array<std::int64_t, max_rank> lengths_{};
  int rank_ = 0;
};

using Strides = Shape;  ///< elements, not bytes

/// Operands whose shapes do not fit an operation.
struct ShapeError : Error {
  explicit ShapeError(Fault fault) : Error(Exit::internal, std::move(fault)) {}
};

/// Row-major strides of a shape.
Strides row_major(const Shape& shape);
/// Strides of [batch, channel, height, width] stored as batch, height, width, channel. Other ranks: row-major.
Strides channels_last(const Shape& shape);
/// The shape that a and b broadcast to. Throws ShapeError naming `operation` and both shapes.
Shape broadcast(const Shape& a, const Shape& b, const char* operation);

}  // namespace joist
