// Sums and other folds over the threads of a block: within warps by shuffles, between warps through shared memory.
#pragma once

#include <joist/cuda/launch.h>

namespace joist::cuda {

/// Shared memory of fold() for a value of T: one per warp.
template <class T>
constexpr std::int64_t fold_bytes = 32 * sizeof(T);

struct Plus {
  template <class T>
  JOIST_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
/// A NaN wins.
struct Larger {
  JOIST_DEVICE float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};

/// f over the values of all threads, in an order that depends only on their number; all threads get the result. `room`
/// is fold_bytes<T> of shared memory, free again after the call.
template <class T, class F>
JOIST_DEVICE T fold(Block& block, const Shared<T>& room, T value, const F& f) {
  for (int mask = 16; mask > 0; mask /= 2) value = f(value, block.shuffle_xor(value, mask));
  if (block.lane() == 0) room[block.warp()] = value;
  block.sync();
  T result = room[0];
  for (int warp = 1; warp < block.warps(); ++warp) {
    const T other = room[warp];
    result = f(result, other);
  }
  block.sync();  // or the next call would write what others still read
  return result;
}
template <class T>
JOIST_DEVICE T sum(Block& block, const Shared<T>& room, T value) {
  return fold(block, room, value, Plus{});
}

}  // namespace joist::cuda
