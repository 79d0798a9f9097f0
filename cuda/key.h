// Keys of random numbers in bodies.
#pragma once

#include <joist/core/random.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/elements.h>

namespace joist::cuda {

/// A kernel's key. In a step that is recorded, step and draw are read at every replay.
class Key {
 public:
  explicit Key(const RandomKey& key) : key_(key), replayed_(replayed_numbers(key)) {}
  JOIST_DEVICE RandomKey now() const {
    RandomKey key = key_;
    if (replayed_.defined()) {
      key.step = static_cast<std::uint32_t>(replayed_[0]);
      key.draw = static_cast<std::uint32_t>(replayed_[1]);
    }
    return key;
  }

 private:
  RandomKey key_;
  Typed<std::int64_t> replayed_;
};

}  // namespace joist::cuda
