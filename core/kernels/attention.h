// Scaled dot-product attention with memory linear in the sequence length.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/random.h>

#include <cmath>
#include <cstdint>

namespace joist {

/// Query i stands at position p = i, or p = i + keys - queries when aligned to the end; key j at position j.
struct AttentionOptions {
  double scale = 0;         ///< 0: 1/√width
  bool causal = false;      ///< only keys j ≤ p
  bool align_end = false;   ///< the last query belongs to the last key, as with a key/value cache
  std::int64_t window = 0;  ///< sliding window: only keys with |p - j| < window; 0: all
  double dropout = 0;       ///< probability of dropping a weight, by the numbers of `key`
  RandomKey key{};
};
/// The factor of the scores that the options mean.
inline double attention_scale(const AttentionOptions& options, std::int64_t width) {
  return options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(width));
}

/// q [batch, heads, queries, width], k [batch, key_heads, keys, width], v [batch, key_heads, keys, value_width]; heads
/// is a multiple of key_heads (grouped queries: head h reads key head h / (heads / key_heads)). mask: undefined, bool
/// (true: may see) or floating (added), broadcastable to [batch, heads, queries, keys]. slopes [heads] (ALiBi: -slope ·
/// |p - j| added) or undefined. y [batch, heads, queries, value_width]. Rows that may see nothing give 0 (and gradient
/// 0).
///
/// score = scale q·k - slope |p - j| + mask      weight = softmax(score)      y = Σ kept · weight · v
/// kept is 0 or 1 / (1 - dropout): the weight of key j in row r = (batch · heads + head) · queries + query is kept when
/// uniform_from(word j % 4 of block r · ⌈keys / 4⌉ + j / 4) ≥ dropout.
struct AttentionArguments {
  Array q{}, k{}, v{}, mask{}, slopes{};
};
struct AttentionOuts {
  Out dq{}, dk{}, dv{}, dmask{};  ///< undefined arrays: not wanted; dmask for floating masks of full shape only
};

struct AttentionKernels {
  /// log_sum [batch, heads, queries]: logarithm of the softmax's denominator, for backward; -infinity for a row that
  /// sees nothing. Memory: linear in queries and keys.
  Kernel<void(const AttentionOptions&, const AttentionArguments&, const Out& y, const Array& log_sum)> forward{
      "attention"};
  Kernel<void(const AttentionOptions&, const AttentionArguments&, const Array& y, const Array& log_sum, const Array& dy,
              const AttentionOuts&)>
      backward{"attention_backward"};
};

}  // namespace joist
