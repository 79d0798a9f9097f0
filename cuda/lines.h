// Sums over some axes of a shape: one total per element of the axes that are kept.
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

/// Shortest line that is worth a block of its own.
constexpr std::int64_t block_line = 128;

/// y = scale · Σ f(place in each operand) over the axes on which y has length 1 and `shape` has not. The operands have
/// `shape`.
template <int operands, class F>
struct SumLines {
  Walk<operands + 1> kept;
  Walk<operands> summed;
  F f;
  float scale;
  Result y;

  JOIST_DEVICE float term(const typename Walk<operands + 1>::Places& base, std::int64_t j) const {
    typename Walk<operands>::Places places = summed(j);
    for (int k = 0; k < operands; ++k) places.at[k] += base.at[k];
    return f(places);
  }
  // A thread per line, or a block per line.
  JOIST_DEVICE void operator()(Block& block) const {
    if (summed.count() < block_line) {
      const std::int64_t step = block.count() * block.threads();
      for (std::int64_t i = block.index() * block.threads() + block.thread(); i < kept.count(); i += step) {
        const auto base = kept(i);
        Total total;
        for (std::int64_t j = 0; j < summed.count(); ++j) total.add(term(base, j));
        y.put(base.at[operands], scale * total.value());
      }
      return;
    }
    const auto room = block.shared<float>(32);
    for (std::int64_t i = block.index(); i < kept.count(); i += block.count()) {
      const auto base = kept(i);
      Total own;
      for (std::int64_t j = block.thread(); j < summed.count(); j += block.threads()) own.add(term(base, j));
      const float total = sum(block, room, own.value());
      if (block.thread() == 0) y.put(base.at[operands], scale * total);
    }
  }
};

/// `arrays` have y's rank and, on each axis, one length; y has it too, or 1.
template <int operands, class F>
void sum_lines(const char* name, const std::array<const Array*, operands>& arrays, const F& f, double scale,
               const Out& y) {
  const Shape& shape = arrays[0]->shape();
  Shape kept = shape, summed = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) (y.array.shape(axis) == shape[axis] ? summed : kept)[axis] = 1;
  if (kept.elements() == 0) return;
  std::array<const Array*, operands + 1> with_y{};
  std::copy(arrays.begin(), arrays.end(), with_y.begin());
  with_y[operands] = &y.array;
  const SumLines<operands, F> body{Walk<operands + 1>(kept, with_y), Walk<operands>(summed, arrays), f,
                                   static_cast<float>(scale), Result(y)};
  if (summed.elements() < block_line)
    launch(name, {.blocks = blocks_for(kept.elements()), .independent = true}, body);
  else
    launch(name, {.blocks = std::min(kept.elements(), most_blocks), .shared_bytes = fold_bytes<float>}, body);
}

}  // namespace joist::cuda
