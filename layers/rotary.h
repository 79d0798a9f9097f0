// Rotary positions as language models have them: with the ways to reach longer sequences than they were trained on.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <cstdint>
#include <vector>

namespace joist {

enum class RotaryScaling : std::uint8_t { none, linear, llama3, yarn };

struct RotaryTableOptions {
  double base = 10000;
  RotaryScaling scaling = RotaryScaling::none;
  double factor = 1;                     ///< how much longer sequences may be
  double original_positions = 0;         ///< longest sequence of the first training (llama3, yarn)
  double low_frequency = 1;              ///< llama3: waves so many times in the original length, and longer ones, are
                                         ///< stretched by the factor,
  double high_frequency = 4;             ///< shorter ones than this stay; in between both are mixed
  double beta_fast = 32, beta_slow = 1;  ///< yarn: the same bounds, as rotations
  double attention_factor = 0;           ///< yarn: factor of cosines and sines; 0: 0.1 ln(factor) + 1
};

/// Angles by position, computed in float32 as transformers does, so that long sequences agree too.
class RotaryTable {
 public:
  /// width: of a head, even. Throws UsageError for an odd width or options out of range.
  RotaryTable(std::int64_t width, const RotaryTableOptions& options);

  struct Turn {
    Tensor cosines{}, sines{};  // [batch, 1, length, width / 2]
  };
  /// positions int64 [batch, length].
  Turn at(const Tensor& positions) const;
  auto fields() { return joist::fields(); }

 private:
  std::vector<float> frequencies_{};
  double magnitude_ = 1;
};

}  // namespace joist
