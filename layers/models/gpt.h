// A transformer that predicts the next token (Radford et al. 2019), with a head of its own.
#pragma once

#include <joist/layers/check.h>
#include <joist/layers/embedding.h>
#include <joist/layers/transformer.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// The defaults make a model of characters.
struct GptOptions {
  std::int64_t vocabulary = 65;
  std::int64_t context = 256;  ///< longest sequence
  std::int64_t layers = 6;
  std::int64_t heads = 6;
  std::int64_t width = 384;
  double dropout = 0;

  /// The sizes of GPT-2's smallest model, 124 million parameters and those of the head, which is not tied to the tokens
  /// here (Gpt2 of gpt2.h is the published model itself). 0: the usual vocabulary or context; the former is GPT-2's
  /// 50257 made divisible by 128.
  static GptOptions gpt2(std::int64_t vocabulary = 0, std::int64_t context = 0) {
    return {.vocabulary = vocabulary > 0 ? vocabulary : 50304,
            .context = context > 0 ? context : 1024,
            .layers = 12,
            .heads = 12,
            .width = 768};
  }
};

/// Tokens int64 [batch, length] -> logits [batch, length, vocabulary] of the token behind each.
struct Gpt {
  explicit Gpt(const GptOptions& o = {})
      : tokens({.num_embeddings = require_positive("Gpt", "vocabulary", o.vocabulary), .embedding_dim = o.width}),
        positions({.num_embeddings = require_positive("Gpt", "context", o.context), .embedding_dim = o.width}),
        norm({.normalized_shape = Shape{o.width}}),
        head({.in = o.width, .out = o.vocabulary}) {
    for (std::int64_t i = 0; i < o.layers; ++i)
      blocks.emplace_back(TransformerLayerOptions{.d_model = o.width,
                                                  .nhead = o.heads,
                                                  .dim_feedforward = 4 * o.width,
                                                  .dropout = o.dropout,
                                                  .activation = Gelu{},
                                                  .batch_first = true,
                                                  .norm_first = true});
  }
  Tensor operator()(const Tensor& x) const {
    const std::int64_t context = positions.weight.shape(0);
    if (x.rank() != 2 || x.shape(1) > context)
      throw ShapeError({.where = "Gpt",
                        .what = "input " + x.shape().text(),
                        .expected = "[batch, length], at most " + std::to_string(context) + " long",
                        .remedy = "cut the sequence, or a model with a longer context"});
    Tensor y = tokens(x) + slice(positions.weight, 0, 0, x.shape(1));
    for (const TransformerEncoderLayer& block : blocks) y = block(y, {.is_causal = true});
    return head(norm(y));
  }
  auto fields() {
    return joist::fields("tokens", tokens, "positions", positions, "blocks", blocks, "norm", norm, "head", head);
  }

  Embedding tokens, positions;
  std::vector<TransformerEncoderLayer> blocks{};
  LayerNorm norm;
  Linear head;
};

}  // namespace joist
