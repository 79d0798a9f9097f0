#include <joist/core/fields.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>

namespace joist {
namespace {

thread_local bool in_training = true;
thread_local RandomKey position{};

}  // namespace

bool training() noexcept { return in_training; }

Mode::Mode(Kind kind) : before_(std::exchange(in_training, kind == training)) {}
Mode::~Mode() { in_training = before_; }

void manual_seed(std::uint64_t seed) { position = {.seed = seed}; }

void set_random_step(std::uint32_t step, std::uint32_t draw) {
  position.step = step;
  position.draw = draw;
  position.call = 0;
}

RandomKey next_random_key(Stream stream) {
  RandomKey key = position;
  key.stream = stream;
  ++position.call;
  return key;
}

Array copy_of(const Array& array) {
  Array copy = Array::like(array);
  kernels_of<ElementwiseKernels>(array).copy(array, {copy, false});
  return copy;
}

}  // namespace joist
