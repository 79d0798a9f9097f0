// One loop over several arrays of the same shape but any strides, with as few axes as possible.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <joist/core/array.h>

namespace joist {

/// The axes of a shape ordered by the operands' strides, outermost first (the first operand decides, the next ones
/// break ties), without axes of length 1, neighbours merged wherever every operand allows. Broadcast axes have stride
/// 0.
struct StridedAxes {
  static constexpr int max_operands = 4;
  using Offsets = std::array<std::int64_t, max_operands>;
  struct Axis {
    std::int64_t length;
    Offsets stride;  ///< elements, per operand
  };

  /// All arrays have the shape `shape` (use Array::expanded to broadcast).
  StridedAxes(const Shape& shape, std::initializer_list<const Array*> operands);

  int rank() const noexcept { return rank_; }
  bool empty() const noexcept { return empty_; }
  const Axis& operator[](int i) const { return axes_[static_cast<std::size_t>(i)]; }
  /// Makes axis `i` the innermost; the others keep their order.
  void move_innermost(int i);
  /// Takes an axis out.
  Axis remove(int i);

  /// Product of all lengths.
  std::int64_t elements() const noexcept;
  /// Where element number `index` of all axes, counted with the innermost fastest, lies for each operand.
  Offsets offsets(std::int64_t index) const noexcept;

 private:
  std::array<Axis, Shape::max_rank> axes_{};
  int rank_ = 0;
  bool empty_ = false;
};

}  // namespace joist
