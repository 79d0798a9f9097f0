// What models that predict the next token are called with.
#pragma once

#include <joist/core/mode.h>
#include <joist/layers/attention.h>

#include <cstdint>
#include <tuple>
#include <vector>

namespace joist {

/// Sequences packed into one row, and generation token by token.
struct CausalCall {
  Tensor positions{};                            ///< int64 [batch, length]; undefined: 0, 1, … behind what is cached
  Tensor mask{};                                 ///< bool [batch, 1, length, length]: what a token may see, besides
                                                 ///< those before it; undefined: all of them
  std::vector<KeyValueCache>* caches = nullptr;  ///< one per layer; filled with an empty one each where there is none
};

/// How many tokens are cached, after making the caches where there are none yet.
inline std::int64_t cached_tokens(const CausalCall& call, std::size_t layers) {
  if (!call.caches) return 0;
  if (call.caches->empty()) call.caches->resize(layers);
  return call.caches->front().length();
}

/// int64 [1, length]: from, from + 1, …
inline Tensor positions_from(std::int64_t from, std::int64_t length) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < length; ++i) values.push_back(from + i);
  return Tensor(Array::from(values, {1, length}));
}

/// Attention of each token to itself and those before it, [batch, heads, length, width]; window 0: to all of them.
inline Tensor causal_attention(const Tensor& q, Tensor k, Tensor v, const CausalCall& call, std::size_t layer,
                               double dropout = 0, std::int64_t window = 0) {
  AttentionOptions options{
      .causal = true, .align_end = call.caches != nullptr, .window = window, .dropout = training() ? dropout : 0};
  if (options.dropout > 0) options.key = next_random_key(Stream::dropout);
  if (call.caches) std::tie(k, v) = (*call.caches)[layer].append(k, v);
  return scaled_dot_product_attention(q, k, v, options, call.mask);
}

}  // namespace joist
