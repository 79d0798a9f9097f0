// Lines of arrays along an axis, and sums whose error does not grow with their length.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/reduce.h>
#include <joist/cuda/walk.h>

namespace joist::cuda {

/// A float sum whose error does not grow with the number of terms as that of a plain one does: terms go to a part, and
/// every 32nd time the part to the total.
class Total {
 public:
  JOIST_DEVICE void add(float term) {
    part_ += term;
    if (++terms_ % 32 == 0) {
      total_ += part_;
      part_ = 0;
    }
  }
  JOIST_DEVICE float value() const { return total_ + part_; }

 private:
  float total_ = 0, part_ = 0;
  int terms_ = 0;
};

/// The lines of several arrays along one axis, a block for each.
template <int operands>
struct Lines {
  Walk<operands> walk;
  std::int64_t length = 0;
  std::int64_t step[operands] = {};

  Lines(int axis, const std::array<const Array*, operands>& arrays)
      : walk(arrays[0]->shape().with(axis, 1), arrays), length(arrays[0]->shape(axis)) {
    for (int k = 0; k < operands; ++k) step[k] = arrays[static_cast<std::size_t>(k)]->strides()[axis];
  }
  Grid grid(std::int64_t shared_bytes) const {
    return {.blocks = std::min(walk.count(), most_blocks),
            .threads = length > 128 ? threads_per_block : 32,
            .shared_bytes = shared_bytes};
  }
};

}  // namespace joist::cuda
