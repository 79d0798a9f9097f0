// What a model's forward pass changes beside its parameters' gradients: running statistics, counters.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/parallel/communicator.h>

#include <cstdint>
#include <span>
#include <vector>

namespace joist::parallel {

/// The buffers of a model taken out and put back, so that several parts of a batch can each begin with the same ones,
/// and become one again: values move by the mean of the parts' movements, weighed by their pictures; counters by the
/// most. What no part moves keeps its bits.
class RunningBuffers {
 public:
  struct Values {
    Array numbers{};                       ///< float32 [n], where the model is: all floating-point buffers
    std::vector<std::int64_t> counters{};  ///< all integer ones
  };

  /// Throws UnsupportedError for floating-point buffers that are not float32.
  explicit RunningBuffers(std::span<const Field> fields);
  bool empty() const noexcept { return numbers_ == 0 && counters_ == 0; }

  Values take() const;
  void put(const Values& values) const;

  /// (part - start) · weight, to be added up over all parts.
  Array movement(const Values& start, const Values& part, double weight) const;
  /// start + movement; counters are the most of those given, over all ranks. Collective where there are counters.
  void move(Communicator& world, const Values& start, const Array& movement, std::span<const Values> parts) const;

 private:
  Device device() const;

  std::vector<Tensor> floating_{}, integers_{};
  std::int64_t numbers_ = 0, counters_ = 0;
};

}  // namespace joist::parallel
