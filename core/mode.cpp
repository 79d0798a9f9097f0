#include <joist/core/fields.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>

namespace joist {
namespace {

thread_local bool in_training = true;
thread_local bool in_autocast = false;
thread_local Autocast::Results results = Autocast::Results::of_device;
thread_local bool again = false;
thread_local RandomKey position{};

}  // namespace

bool training() noexcept { return in_training; }

Mode::Mode(Kind kind) : before_(std::exchange(in_training, kind == training)) {}
Mode::~Mode() { in_training = before_; }

Autocast::Autocast(bool on) : Autocast(on, results) {}
Autocast::Autocast(bool on, Results wanted)
    : before_(std::exchange(in_autocast, on)), results_before_(std::exchange(results, wanted)) {}
Autocast::~Autocast() {
  in_autocast = before_;
  results = results_before_;
}
bool Autocast::active() noexcept { return in_autocast; }
Autocast::Results Autocast::as_on(Device device) noexcept {
  return device.kind == Device::Kind::cuda ? Results::bfloat16 : Results::of_device;
}
bool Autocast::halves_results(Device device) noexcept {
  if (!in_autocast || device.kind == Device::Kind::reference || results == Results::float32) return false;
  return results == Results::bfloat16 || as_on(device) == Results::bfloat16;
}

RunContext run_context() noexcept {
  return {.training = in_training, .autocast = in_autocast, .autocast_results = results, .random = position};
}

namespace {
void put(const RunContext& context) {
  in_training = context.training;
  in_autocast = context.autocast;
  results = context.autocast_results;
  position = context.random;
}
}  // namespace

Recomputing::Recomputing(const RunContext& wanted) : before_(run_context()), nested_(std::exchange(again, true)) {
  put(wanted);
}
Recomputing::~Recomputing() {
  put(before_);
  again = nested_;
}
bool recomputing() noexcept { return again; }

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
