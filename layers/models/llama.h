// Decoders of the Llama kind (Touvron et al. 2023): RMSNorm, rotary positions, grouped queries, SwiGLU. With biases of
// queries, keys and values it is Qwen2, with norms of queries and keys Qwen3, with a window Mistral. Names and shapes
// are those of transformers' …ForCausalLM.
#pragma once

#include <joist/layers/causal.h>
#include <joist/layers/check.h>
#include <joist/layers/embedding.h>
#include <joist/layers/heads.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/layers/rotary.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

struct LlamaOptions {
  std::int64_t vocabulary = 32000;
  std::int64_t width = 4096;
  std::int64_t layers = 32;
  std::int64_t heads = 32;
  std::int64_t key_heads = 0;   ///< heads of keys and values; 0: as many
  std::int64_t head_width = 0;  ///< 0: width / heads
  std::int64_t mlp = 11008;
  double epsilon = 1e-6;
  RotaryTableOptions rotary{};
  std::int64_t window = 0;       ///< a token sees so many before it, itself included; 0: all
  std::vector<bool> windowed{};  ///< which layers have that window; empty: all
  bool qkv_bias = false;         ///< Qwen2
  bool output_bias = false;      ///< of the attention's last product
  bool mlp_bias = false;
  bool query_norm = false;  ///< Qwen3: norms of each head's queries and keys
  double attention_dropout = 0;
  Unary activation = Silu{};
  bool tied = false;                      ///< the head is the table of tokens
  std::optional<std::int64_t> padding{};  ///< the token that fills up: its row of the table does not learn
};

struct LlamaAttention {
  LlamaAttention(const LlamaOptions& o, std::int64_t head_width, std::size_t layer_index)
      : q_proj({.in = o.width, .out = o.heads * head_width, .bias = o.qkv_bias}),
        k_proj({.in = o.width, .out = key_heads_of(o) * head_width, .bias = o.qkv_bias}),
        v_proj({.in = o.width, .out = key_heads_of(o) * head_width, .bias = o.qkv_bias}),
        o_proj({.in = o.heads * head_width, .out = o.width, .bias = o.output_bias}),
        heads(o.heads),
        key_heads(key_heads_of(o)),
        window(o.windowed.empty() || o.windowed[layer_index] ? o.window : 0),
        layer(layer_index),
        dropout(o.attention_dropout) {
    if (!o.query_norm) return;
    q_norm.emplace(RMSNormOptions{.normalized_shape = Shape{head_width}, .epsilon = o.epsilon});
    k_norm.emplace(RMSNormOptions{.normalized_shape = Shape{head_width}, .epsilon = o.epsilon});
  }
  static std::int64_t key_heads_of(const LlamaOptions& o) { return o.key_heads > 0 ? o.key_heads : o.heads; }

  Tensor operator()(const Tensor& x, const RotaryTable::Turn& turn, const CausalCall& call) const {
    Tensor q = split_heads(q_proj(x), heads), k = split_heads(k_proj(x), key_heads);
    if (q_norm) q = (*q_norm)(q), k = (*k_norm)(k);
    q = rotary_embedding(q, turn.cosines, turn.sines);
    k = rotary_embedding(k, turn.cosines, turn.sines);
    return o_proj(join_heads(causal_attention(q, k, split_heads(v_proj(x), key_heads), call, layer, dropout, window)));
  }
  auto fields() {
    return joist::fields("q_proj", q_proj, "k_proj", k_proj, "v_proj", v_proj, "o_proj", o_proj, "q_norm", q_norm,
                         "k_norm", k_norm);
  }
  Linear q_proj, k_proj, v_proj, o_proj;
  std::optional<RMSNorm> q_norm{}, k_norm{};
  std::int64_t heads, key_heads, window;
  std::size_t layer;
  double dropout;
};

struct LlamaMlp {
  explicit LlamaMlp(const LlamaOptions& o)
      : gate_proj({.in = o.width, .out = require_positive("Llama", "mlp", o.mlp), .bias = o.mlp_bias}),
        up_proj({.in = o.width, .out = o.mlp, .bias = o.mlp_bias}),
        down_proj({.in = o.mlp, .out = o.width, .bias = o.mlp_bias}),
        activation(o.activation) {}
  Tensor operator()(const Tensor& x) const { return down_proj(joist::apply(activation, gate_proj(x)) * up_proj(x)); }
  auto fields() { return joist::fields("gate_proj", gate_proj, "up_proj", up_proj, "down_proj", down_proj); }
  Linear gate_proj, up_proj, down_proj;
  Unary activation;
};

struct LlamaLayer {
  LlamaLayer(const LlamaOptions& o, std::int64_t head_width, std::size_t index)
      : self_attn(o, head_width, index),
        mlp(o),
        input_layernorm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        post_attention_layernorm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}) {}
  Tensor operator()(const Tensor& x, const RotaryTable::Turn& turn, const CausalCall& call) const {
    const Tensor y = x + self_attn(input_layernorm(x), turn, call);
    return y + mlp(post_attention_layernorm(y));
  }
  auto fields() {
    return joist::fields("self_attn", self_attn, "mlp", mlp, "input_layernorm", input_layernorm,
                         "post_attention_layernorm", post_attention_layernorm);
  }
  LlamaAttention self_attn;
  LlamaMlp mlp;
  RMSNorm input_layernorm, post_attention_layernorm;
};

/// Tokens int64 [batch, length] -> logits [batch, length, vocabulary] of the token behind each.
struct Llama {
  /// Throws UsageError for widths that do not divide.
  explicit Llama(const LlamaOptions& o)
      : embed_tokens({.num_embeddings = require_positive("Llama", "vocabulary", o.vocabulary),
                      .embedding_dim = require_positive("Llama", "width", o.width),
                      .padding_idx = o.padding}),
        norm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        rotary(head_width_of(o), o.rotary) {
    embed_tokens.weight = init::normal(embed_tokens.weight.shape(), 0.02);
    for (std::int64_t i = 0; i < o.layers; ++i) layers.emplace_back(o, head_width_of(o), static_cast<std::size_t>(i));
    if (!o.tied) lm_head.emplace(LinearOptions{.in = o.width, .out = o.vocabulary, .bias = false});
  }
  Tensor operator()(const Tensor& tokens, const CausalCall& call = {}) const {
    if (tokens.rank() != 2)
      throw ShapeError({.where = "Llama",
                        .what = "input " + tokens.shape().text(),
                        .expected = "[batch, length]",
                        .remedy = "unsqueeze(tokens, 0) for one sequence"});
    const std::int64_t before = cached_tokens(call, layers.size());
    const RotaryTable::Turn turn =
        rotary.at(call.positions.defined() ? call.positions : positions_from(before, tokens.shape(1)));
    Tensor x = embed_tokens(tokens);
    for (const LlamaLayer& layer : layers) x = layer(x, turn, call);
    x = norm(x);
    return lm_head ? (*lm_head)(x) : linear(x, embed_tokens.weight);
  }
  auto fields() {
    return joist::fields("model.embed_tokens", embed_tokens, "model.layers", layers, "model.norm", norm, "lm_head",
                         lm_head);
  }

  Embedding embed_tokens;
  std::vector<LlamaLayer> layers{};
  RMSNorm norm;
  std::optional<Linear> lm_head{};
  RotaryTable rotary;

 private:
  static std::int64_t head_width_of(const LlamaOptions& o) {
    if (o.head_width <= 0) require_heads("Llama", "width", o.width, "heads", o.heads);
    const std::int64_t key_heads = LlamaAttention::key_heads_of(o);
    if (o.heads < 1 || o.heads % key_heads != 0 ||
        (!o.windowed.empty() && o.windowed.size() != static_cast<std::size_t>(o.layers)))
      throw UsageError({.where = "Llama",
                        .what = std::to_string(o.heads) + " heads, " + std::to_string(key_heads) +
                                " of keys and values, windows for " + std::to_string(o.windowed.size()) + " layers",
                        .expected = "heads of keys that divide the heads, and a window or none for each layer",
                        .remedy = "key_heads 0 for as many as heads"});
    return o.head_width > 0 ? o.head_width : o.width / o.heads;
  }
};

}  // namespace joist
