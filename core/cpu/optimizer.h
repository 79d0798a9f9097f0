// The optimizers' inner loops over dense memory, for several instruction sets.
#pragma once

#include <joist/core/cpu/kernels.h>

#include <array>
#include <cstdint>

namespace joist {

/// The memory of a range of parameters.
template <class T>
struct StepRange {
  std::int64_t count = 0;
  T* parameter = nullptr;
  const T* gradient = nullptr;
  std::array<T*, 3> memory{};  ///< as many as the rule remembers, then null

  StepRange part(std::int64_t begin, std::int64_t elements) const {
    StepRange result{elements, parameter + begin, gradient + begin, memory};
    for (T*& one : result.memory)
      if (one) one += begin;
    return result;
  }
  int remembered() const {
    int n = 0;
    while (n < 3 && memory[static_cast<std::size_t>(n)]) ++n;
    return n;
  }
};

/// One step of a range of floats.
void step_range(const OptimizerStep& step, const StepRange<float>& range);

void interpolate_range(float weight, std::int64_t count, const float* x, float* y);

}  // namespace joist
