// Coefficients in bodies: what the host decides from step to step.
#pragma once

#include <joist/cuda/capture.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/verdict.h>

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

namespace joist::cuda {

/// A kernel's coefficients, a plain struct. In a step that is recorded they are read at every replay, and the kernel
/// does nothing where the step is not taken.
template <class T>
class Coefficients {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  using Words = std::array<std::int64_t, sizeof(T) / 8>;

 public:
  /// `target`: what the kernel writes.
  Coefficients(const T& given, const Array& target) : given_(given) {
    Words words;
    std::memcpy(words.data(), &given, sizeof(T));
    const RenewedWords renewed = renewed_words(words, target);
    words_ = Typed<std::int64_t>(renewed.words);
    verdict_ = Typed<double>(renewed.verdict);
    recorded_ = renewed.recorded;
  }
  /// For the host: the kernel is part of a graph already, which has been told the coefficients; it is not launched.
  bool were_recorded() const { return recorded_; }

  JOIST_DEVICE bool are_wanted() const { return !verdict_.defined() || verdict_[verdict_taken] != 0; }
  JOIST_DEVICE T now() const {
    if (!words_.defined()) return given_;
    Words words{};
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = words_[static_cast<std::int64_t>(i)];
    return std::bit_cast<T>(words);
  }

 private:
  T given_;
  Typed<std::int64_t> words_{};
  Typed<double> verdict_{};
  bool recorded_ = false;
};

}  // namespace joist::cuda
