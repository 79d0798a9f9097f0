// Scaled dot-product attention with memory linear in the sequence length.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/random.h>

#include <cstdint>

namespace joist {

struct AttentionOptions {
  double scale = 0;         ///< 0: 1/√width
  bool causal = false;      ///< query i sees keys j ≤ i + (keys - queries) when aligned to the end, else j ≤ i
  bool align_end = false;   ///< with a key/value cache the last query belongs to the last key
  std::int64_t window = 0;  ///< sliding window: only keys with |i - j| < window; 0: all
  double dropout = 0;       ///< probability, by the numbers of `key`
  RandomKey key{};
};

/// q [batch, heads, queries, width], k [batch, key_heads, keys, width], v [batch, key_heads, keys, value_width]; heads
/// is a multiple of key_heads (grouped queries). mask: undefined, bool (true: may see) or floating (added),
/// broadcastable to [batch, heads, queries, keys]. slopes [heads] (ALiBi: -slope · |i - j| added) or undefined. y
/// [batch, heads, queries, value_width]. Rows that may see nothing give 0 (and gradient 0).
struct AttentionArguments {
  Array q{}, k{}, v{}, mask{}, slopes{};
};
struct AttentionOuts {
  Out dq{}, dk{}, dv{}, dmask{};  ///< undefined arrays: not wanted; dmask for floating masks of full shape only
};

struct AttentionKernels {
  /// log_sum [batch, heads, queries]: logarithm of the softmax's denominator, for backward.
  Kernel<void(const AttentionOptions&, const AttentionArguments&, const Out& y, const Array& log_sum)> forward{
      "attention"};
  Kernel<void(const AttentionOptions&, const AttentionArguments&, const Array& y, const Array& log_sum, const Array& dy,
              const AttentionOuts&)>
      backward{"attention_backward"};
};

}  // namespace joist
