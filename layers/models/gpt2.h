// GPT-2 (Radford et al. 2019). Names and shapes are those of transformers' GPT2LMHeadModel.
#pragma once

#include <joist/layers/causal.h>
#include <joist/layers/check.h>
#include <joist/layers/dropout.h>
#include <joist/layers/embedding.h>
#include <joist/layers/heads.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

/// The defaults are those of the smallest one (124 million parameters).
struct Gpt2Options {
  std::int64_t vocabulary = 50257;
  std::int64_t positions = 1024;
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t mlp = 0;  ///< 0: 4 width
  double epsilon = 1e-5;
  double dropout = 0.1;            ///< of the embeddings and what the blocks add
  double attention_dropout = 0.1;  ///< of the weights
  Unary activation = GeluTanh{};
  bool tied = true;  ///< the head is the table of tokens
};

/// transformers' Conv1D: a linear layer whose weight lies the other way round.
struct TransposedLinear {
  TransposedLinear(std::int64_t in, std::int64_t out)
      : weight(init::normal({in, out}, 0.02)), bias(init::zeros({out})) {}
  Tensor operator()(const Tensor& x) const { return matmul(x, weight) + bias; }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }
  Parameter weight;  // [in, out]
  Parameter bias;    // [out]
};

struct Gpt2Block {
  explicit Gpt2Block(const Gpt2Options& o)
      : ln_1({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        c_attn(o.width, 3 * o.width),
        attn_c_proj(o.width, o.width),
        ln_2({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        c_fc(o.width, o.mlp > 0 ? o.mlp : 4 * o.width),
        mlp_c_proj(o.mlp > 0 ? o.mlp : 4 * o.width, o.width),
        dropout{o.dropout},
        attention_dropout(o.attention_dropout),
        activation(o.activation),
        heads(o.heads) {}
  Tensor operator()(const Tensor& x, const CausalCall& call, std::size_t layer) const {
    const std::vector<Tensor> parts = chunk(split_heads(c_attn(ln_1(x)), 3 * heads), 3, 1);
    const Tensor seen = causal_attention(parts[0], parts[1], parts[2], call, layer, attention_dropout);
    const Tensor y = x + dropout(attn_c_proj(join_heads(seen)));
    return y + dropout(mlp_c_proj(joist::apply(activation, c_fc(ln_2(y)))));
  }
  auto fields() {
    return joist::fields("ln_1", ln_1, "attn.c_attn", c_attn, "attn.c_proj", attn_c_proj, "ln_2", ln_2, "mlp.c_fc",
                         c_fc, "mlp.c_proj", mlp_c_proj);
  }
  LayerNorm ln_1;
  TransposedLinear c_attn, attn_c_proj;
  LayerNorm ln_2;
  TransposedLinear c_fc, mlp_c_proj;
  Dropout dropout;
  double attention_dropout;
  Unary activation;
  std::int64_t heads;
};

/// Tokens int64 [batch, length] -> logits [batch, length, vocabulary] of the token behind each.
struct Gpt2 {
  explicit Gpt2(const Gpt2Options& o = {})
      : wte({.num_embeddings = require_positive("Gpt2", "vocabulary", o.vocabulary),
             .embedding_dim = require_positive("Gpt2", "width", o.width)}),
        wpe({.num_embeddings = require_positive("Gpt2", "positions", o.positions), .embedding_dim = o.width}),
        ln_f({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        dropout{o.dropout} {
    require_heads("Gpt2", "width", o.width, "heads", o.heads);
    for (Embedding* table : {&wte, &wpe}) table->weight = init::normal(table->weight.shape(), 0.02);
    for (std::int64_t i = 0; i < o.layers; ++i) blocks.emplace_back(o);
    if (!o.tied) head.emplace(LinearOptions{.in = o.width, .out = o.vocabulary, .bias = false});
  }
  Tensor operator()(const Tensor& tokens, const CausalCall& call = {}) const {
    const std::int64_t before = cached_tokens(call, blocks.size()), longest = wpe.weight.shape(0);
    if (tokens.rank() != 2 || before + tokens.shape(1) > longest)
      throw ShapeError({.where = "Gpt2",
                        .what = "input " + tokens.shape().text() + " behind " + std::to_string(before) + " tokens",
                        .expected = "[batch, length], at most " + std::to_string(longest) + " tokens in all",
                        .remedy = "cut the sequence"});
    const Tensor places = wpe(call.positions.defined() ? call.positions : positions_from(before, tokens.shape(1)));
    Tensor x = dropout(wte(tokens) + places);
    for (std::size_t i = 0; i < blocks.size(); ++i) x = blocks[i](x, call, i);
    x = ln_f(x);
    return head ? (*head)(x) : linear(x, wte.weight);
  }
  auto fields() {
    return joist::fields("transformer.wte", wte, "transformer.wpe", wpe, "transformer.h", blocks, "transformer.ln_f",
                         ln_f, "lm_head", head);
  }

  Embedding wte, wpe;
  std::vector<Gpt2Block> blocks{};
  LayerNorm ln_f;
  std::optional<Linear> head{};
  Dropout dropout;
};

}  // namespace joist
