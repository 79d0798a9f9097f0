// BERT's encoder (Devlin et al. 2019), also MiniLM's. Names and shapes are those of transformers' BertModel.
#pragma once

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

/// The defaults are those of bert-base-uncased.
struct BertOptions {
  std::int64_t vocabulary = 30522;
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t mlp = 3072;
  std::int64_t positions = 512;
  std::int64_t token_types = 2;
  double epsilon = 1e-12;
  double dropout = 0.1;
  double attention_dropout = 0.1;
  Unary activation = Gelu{};
  bool pooler = true;
  std::optional<std::int64_t> padding{};  ///< the token that fills up: its row of the table does not learn
};

struct BertEmbeddings {
  explicit BertEmbeddings(const BertOptions& o)
      : word_embeddings({.num_embeddings = require_positive("Bert", "vocabulary", o.vocabulary),
                         .embedding_dim = require_positive("Bert", "width", o.width),
                         .padding_idx = o.padding}),
        position_embeddings(
            {.num_embeddings = require_positive("Bert", "positions", o.positions), .embedding_dim = o.width}),
        token_type_embeddings(
            {.num_embeddings = require_positive("Bert", "token_types", o.token_types), .embedding_dim = o.width}),
        norm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        dropout{o.dropout} {}
  auto fields() {
    return joist::fields("word_embeddings", word_embeddings, "position_embeddings", position_embeddings,
                         "token_type_embeddings", token_type_embeddings, "LayerNorm", norm);
  }
  Embedding word_embeddings, position_embeddings, token_type_embeddings;
  LayerNorm norm;
  Dropout dropout;
};

/// One layer: attention and two products, a norm behind each.
struct BertLayer {
  explicit BertLayer(const BertOptions& o)
      : query({.in = o.width, .out = o.width}),
        key({.in = o.width, .out = o.width}),
        value({.in = o.width, .out = o.width}),
        attention_output({.in = o.width, .out = o.width}),
        attention_norm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        intermediate({.in = o.width, .out = require_positive("Bert", "mlp", o.mlp)}),
        output({.in = o.mlp, .out = o.width}),
        output_norm({.normalized_shape = Shape{o.width}, .epsilon = o.epsilon}),
        dropout{o.dropout},
        attention_dropout(o.attention_dropout),
        activation(o.activation),
        heads(o.heads) {}
  Tensor operator()(const Tensor& x, const Tensor& mask) const {
    AttentionOptions options{.dropout = training() ? attention_dropout : 0};
    if (options.dropout > 0) options.key = next_random_key(Stream::dropout);
    const Tensor seen = scaled_dot_product_attention(split_heads(query(x), heads), split_heads(key(x), heads),
                                                     split_heads(value(x), heads), options, mask);
    const Tensor y = attention_norm(dropout(attention_output(join_heads(seen))) + x);
    return output_norm(dropout(output(joist::apply(activation, intermediate(y)))) + y);
  }
  auto fields() {
    return joist::fields("attention.self.query", query, "attention.self.key", key, "attention.self.value", value,
                         "attention.output.dense", attention_output, "attention.output.LayerNorm", attention_norm,
                         "intermediate.dense", intermediate, "output.dense", output, "output.LayerNorm", output_norm);
  }
  Linear query, key, value, attention_output;
  LayerNorm attention_norm;
  Linear intermediate, output;
  LayerNorm output_norm;
  Dropout dropout;
  double attention_dropout;
  Unary activation;
  std::int64_t heads;
};

/// Tokens int64 [batch, length] -> a vector for each, [batch, length, width].
struct Bert {
  explicit Bert(const BertOptions& o = {}) : embeddings(o) {
    require_heads("Bert", "width", o.width, "heads", o.heads);
    for (std::int64_t i = 0; i < o.layers; ++i) layers.emplace_back(o);
    if (o.pooler) pooler.emplace(LinearOptions{.in = o.width, .out = o.width});
  }
  /// attention_mask: bool [batch, length], true at tokens, false at what fills up (undefined: all are tokens);
  /// token_types: int64 [batch, length] (undefined: 0).
  Tensor operator()(const Tensor& tokens, const Tensor& attention_mask = {}, const Tensor& token_types = {}) const {
    const std::int64_t longest = embeddings.position_embeddings.weight.shape(0);
    if (tokens.rank() != 2 || tokens.shape(1) > longest)
      throw ShapeError({.where = "Bert",
                        .what = "input " + tokens.shape().text(),
                        .expected = "[batch, length], at most " + std::to_string(longest) + " long",
                        .remedy = "cut the sequence"});
    const Tensor types = token_types.defined()
                             ? embeddings.token_type_embeddings(token_types)
                             : reshape(slice(embeddings.token_type_embeddings.weight, 0, 0, 1), {1, 1, -1});
    const Tensor places = slice(embeddings.position_embeddings.weight, 0, 0, tokens.shape(1));
    Tensor x = embeddings.dropout(embeddings.norm(embeddings.word_embeddings(tokens) + types + places));
    Tensor mask;
    if (attention_mask.defined()) mask = reshape(attention_mask, {tokens.shape(0), 1, 1, tokens.shape(1)});
    for (const BertLayer& layer : layers) x = layer(x, mask);
    return x;
  }
  /// What classifiers read: tanh of a product of the first token's vector, [batch, width]. Throws UsageError where the
  /// model has no pooler.
  Tensor pooled(const Tensor& states) const {
    if (!pooler)
      throw UsageError({.where = "Bert",
                        .what = "no pooler in this model",
                        .expected = "BertOptions::pooler",
                        .remedy = "the mean of the states, or the first one"});
    return tanh((*pooler)(select(states, 1, 0)));
  }
  auto fields() { return joist::fields("embeddings", embeddings, "encoder.layer", layers, "pooler.dense", pooler); }

  BertEmbeddings embeddings;
  std::vector<BertLayer> layers{};
  std::optional<Linear> pooler{};
};

}  // namespace joist
