// A recurrent network that predicts the next token.
#pragma once

#include <joist/layers/check.h>
#include <joist/layers/embedding.h>
#include <joist/layers/linear.h>
#include <joist/layers/recurrent.h>

#include <cstdint>

namespace joist {

struct LstmTextOptions {
  std::int64_t vocabulary = 65;
  std::int64_t embedding = 256;
  std::int64_t hidden = 512;
  std::int64_t layers = 2;
  double dropout = 0;  ///< between the layers
};

/// Tokens int64 [batch, length] -> logits [batch, length, vocabulary] of the token behind each.
struct LstmText {
  explicit LstmText(const LstmTextOptions& o = {})
      : tokens(
            {.num_embeddings = require_positive("LstmText", "vocabulary", o.vocabulary), .embedding_dim = o.embedding}),
        lstm({.in = o.embedding, .hidden = o.hidden, .layers = o.layers, .batch_first = true, .dropout = o.dropout}),
        head({.in = o.hidden, .out = o.vocabulary}) {}
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != 2)
      throw ShapeError({.where = "LstmText",
                        .what = "input of shape " + x.shape().text(),
                        .expected = "[batch, length]",
                        .remedy = "unsqueeze(x, 0) for one sequence"});
    return head(lstm(tokens(x)).output);
  }
  auto fields() { return joist::fields("tokens", tokens, "lstm", lstm, "head", head); }

  Embedding tokens;
  LSTM lstm;
  Linear head;
};

}  // namespace joist
