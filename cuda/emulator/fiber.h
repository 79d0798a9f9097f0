// Threads of a block as fibers: functions with stacks of their own that give up the processor only where they say so.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace joist::cuda::emulator {

class Fiber {
 public:
  explicit Fiber(std::size_t stack_bytes = std::size_t{64} << 10);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Sets what the next resume() begins. The function must return; it may be abandoned where it paused, then what lies
  /// on its stack is not destroyed.
  void start(std::function<void()> function);
  /// Runs until the function pauses or returns. Rethrows what the function threw.
  void resume();
  /// Called inside the function: back to resume().
  void pause();
  bool finished() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace joist::cuda::emulator
