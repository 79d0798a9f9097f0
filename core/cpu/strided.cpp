#include <joist/core/cpu/strided.h>

#include <algorithm>
#include <utility>

namespace joist {
namespace {

using Axis = StridedAxes::Axis;

// Should `a` stand outside `b`?
bool outer(const Axis& a, const Axis& b) {
  for (std::size_t i = 0; i < StridedAxes::max_operands; ++i)
    if (a.stride[i] != b.stride[i] && a.stride[i] != 0 && b.stride[i] != 0) return a.stride[i] > b.stride[i];
  return false;
}

bool mergeable(const Axis& outside, const Axis& inside) {
  for (std::size_t i = 0; i < StridedAxes::max_operands; ++i)
    if (outside.stride[i] != inside.stride[i] * inside.length) return false;
  return true;
}

}  // namespace

StridedAxes::StridedAxes(const Shape& shape, std::initializer_list<const Array*> operands) {
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 0) empty_ = true;
    if (shape[i] == 1) continue;
    Axis axis{shape[i], {}};
    std::size_t operand = 0;
    for (const Array* array : operands) axis.stride[operand++] = array->strides()[i];
    // Insertion by swaps: "outer" does not compare axes that no operand has both of, which std::sort does not allow.
    auto at = static_cast<std::size_t>(rank_++);
    axes_[at] = axis;
    for (; at > 0 && outer(axes_[at], axes_[at - 1]); --at) std::swap(axes_[at], axes_[at - 1]);
  }
  int kept = 0;
  for (int i = 1; i < rank_; ++i) {
    Axis &last = axes_[static_cast<std::size_t>(kept)], next = axes_[static_cast<std::size_t>(i)];
    if (mergeable(last, next)) {
      next.length *= last.length;
      last = next;
    } else {
      axes_[static_cast<std::size_t>(++kept)] = next;
    }
  }
  if (rank_ > 0) rank_ = kept + 1;
}

void StridedAxes::move_innermost(int i) {
  const auto from = axes_.begin() + i;
  std::rotate(from, from + 1, axes_.begin() + rank_);
}

Axis StridedAxes::remove(int i) {
  const Axis axis = axes_[static_cast<std::size_t>(i)];
  move_innermost(i);
  --rank_;
  return axis;
}

std::int64_t StridedAxes::elements() const noexcept {
  if (empty_) return 0;
  std::int64_t count = 1;
  for (int i = 0; i < rank_; ++i) count *= axes_[static_cast<std::size_t>(i)].length;
  return count;
}

StridedAxes::Offsets StridedAxes::offsets(std::int64_t index) const noexcept {
  Offsets result{};
  for (int i = rank_ - 1; i >= 0; --i) {
    const Axis& axis = axes_[static_cast<std::size_t>(i)];
    const std::int64_t at = index % axis.length;
    index /= axis.length;
    for (std::size_t k = 0; k < max_operands; ++k) result[k] += at * axis.stride[k];
  }
  return result;
}

}  // namespace joist
