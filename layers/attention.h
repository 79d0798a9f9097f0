// Multi-head attention.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/init.h>
#include <joist/layers/linear.h>
#include <joist/layers/required.h>

#include <cstdint>
#include <utility>

namespace joist {

/// Keys and values of the tokens so far, for generation token by token. Memory doubles as it fills; what append()
/// returned before stays as it was.
class KeyValueCache {
 public:
  /// key and value [batch, heads, new, width] go behind those that are there: all of them, [batch, heads, length(),
  /// width], as views. Throws ShapeError when batch, heads or width change, UsageError when a gradient is wanted.
  std::pair<Tensor, Tensor> append(const Tensor& key, const Tensor& value);
  std::int64_t length() const noexcept { return length_; }
  void clear() { *this = {}; }

 private:
  Array keys_{}, values_{};
  std::int64_t length_ = 0;
};

struct MultiheadAttentionOptions {
  Required<std::int64_t> embed_dim;
  Required<std::int64_t> num_heads;
  double dropout = 0;  ///< of the weights, in training
  bool bias = true;
  std::int64_t kdim = 0;     ///< width of the keys' input; 0: embed_dim
  std::int64_t vdim = 0;     ///< width of the values' input; 0: embed_dim
  bool batch_first = false;  ///< [batch, length, width] instead of [length, batch, width]
};

struct AttentionCall {
  Tensor key_padding_mask{};         ///< [batch, keys]: bool, true where a key is NOT seen, or floating, added
  Tensor attn_mask{};                ///< [queries, keys] or [batch · num_heads, queries, keys], as above
  bool need_weights = false;         ///< also return the weights; memory then grows with queries · keys
  bool average_attn_weights = true;  ///< weights [batch, queries, keys], else [batch, num_heads, queries, keys]
  bool is_causal = false;            ///< query i sees keys up to i; masks may be given besides
  KeyValueCache* cache = nullptr;    ///< self-attention on new tokens only: keys and values go there first
};

struct AttentionOutput {
  Tensor output;   ///< like the query
  Tensor weights;  ///< undefined unless asked for
};

/// torch.nn.MultiheadAttention: the same parameters and results; need_weights is off unless asked for, and rows that
/// see nothing give the projection of 0 instead of NaN. Inputs without a batch, [length, width], are taken too.
struct MultiheadAttention {
  /// Throws UsageError unless num_heads divides embed_dim.
  explicit MultiheadAttention(const MultiheadAttentionOptions& given);
  AttentionOutput operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                             const AttentionCall& call = {}) const;
  auto fields() {
    return joist::fields("in_proj_weight", in_proj_weight, "q_proj_weight", q_proj_weight, "k_proj_weight",
                         k_proj_weight, "v_proj_weight", v_proj_weight, "in_proj_bias", in_proj_bias, "out_proj",
                         out_proj);
  }

  std::int64_t embed_dim, num_heads;
  double dropout;
  bool batch_first;
  Parameter in_proj_weight{};                                   // [3 embed_dim, embed_dim], where all widths are equal
  Parameter q_proj_weight{}, k_proj_weight{}, v_proj_weight{};  // [embed_dim, width], otherwise
  Parameter in_proj_bias{};                                     // [3 embed_dim]
  Linear out_proj;
};

}  // namespace joist
