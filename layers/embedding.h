// Tables of vectors, and pictures as sequences of vectors.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/convolution.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

#include <limits>
#include <optional>

namespace joist {

struct EmbeddingLayerOptions {
  Required<std::int64_t> num_embeddings;
  Required<std::int64_t> embedding_dim;
  std::optional<std::int64_t> padding_idx{};  ///< starts as zeros and gets no gradient; negative: from the end
  double max_norm = std::numeric_limits<double>::infinity();
  double norm_type = 2;
};

namespace detail {
// Normal numbers, zeros in the padding's row.
template <class Options>
Parameter embedding_table(const char* layer, const Options& given) {
  const std::int64_t rows = require_positive(layer, "num_embeddings", given.num_embeddings),
                     width = require_positive(layer, "embedding_dim", given.embedding_dim);
  const std::optional<std::int64_t>& padding = given.padding_idx;
  if (!(given.max_norm > 0) || !(given.norm_type > 0))
    throw UsageError(
        {.where = layer,
         .what = "max_norm " + std::to_string(given.max_norm) + ", norm_type " + std::to_string(given.norm_type),
         .expected = "both above 0",
         .remedy = "leave max_norm out where rows may have any length"});
  Parameter table = init::normal({rows, width}, 1);
  if (!padding) return table;
  const std::int64_t row = *padding < 0 ? *padding + rows : *padding;
  if (row < 0 || row >= rows)
    throw UsageError({.where = layer,
                      .what = "padding_idx " + std::to_string(*padding) + " of " + std::to_string(rows) + " rows",
                      .expected = "one of the rows",
                      .remedy = "-1 for the last row, or more rows"});
  kernels(table.value()).elementwise.fill(0, table.value().sliced(0, row, row + 1));
  return table;
}
}  // namespace detail

/// torch.nn.Embedding: int64 [...] -> [..., embedding_dim].
struct Embedding {
  explicit Embedding(const EmbeddingLayerOptions& given)
      : options{.padding_index = given.padding_idx, .max_norm = given.max_norm, .norm_type = given.norm_type},
        weight(detail::embedding_table("Embedding", given)) {}
  Tensor operator()(const Tensor& index) const { return embedding(index, weight, options); }
  auto fields() { return joist::fields("weight", weight); }

  EmbeddingOptions options;
  Parameter weight;  // [num_embeddings, embedding_dim]
};

struct EmbeddingBagLayerOptions {
  Required<std::int64_t> num_embeddings;
  Required<std::int64_t> embedding_dim;
  BagMode mode = BagMode::mean;
  bool include_last_offset = false;
  std::optional<std::int64_t> padding_idx{};
  double max_norm = std::numeric_limits<double>::infinity();
  double norm_type = 2;
};

/// torch.nn.EmbeddingBag.
struct EmbeddingBag {
  explicit EmbeddingBag(const EmbeddingBagLayerOptions& given)
      : options{.mode = given.mode,
                .include_last_offset = given.include_last_offset,
                .padding_index = given.padding_idx,
                .max_norm = given.max_norm,
                .norm_type = given.norm_type},
        weight(detail::embedding_table("EmbeddingBag", given)) {}
  Tensor operator()(const Tensor& index, const Tensor& offsets = {}, const Tensor& weights_per_sample = {}) const {
    return embedding_bag(index, weight, offsets, options, weights_per_sample);
  }
  auto fields() { return joist::fields("weight", weight); }

  EmbeddingBagOptions options;
  Parameter weight;  // [num_embeddings, embedding_dim]
};

struct PatchEmbeddingOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> width;
  std::int64_t patch = 16;
  bool bias = true;
};

/// Pictures [batch, in, height, width] in patches, each a vector: [batch, patches, width], rows first (Dosovitskiy et
/// al. 2021). Throws ShapeError unless the patch divides height and width.
struct PatchEmbedding {
  explicit PatchEmbedding(const PatchEmbeddingOptions& given)
      : proj({.in = require_positive("PatchEmbedding", "in", given.in),
              .out = require_positive("PatchEmbedding", "width", given.width),
              .kernel = require_positive("PatchEmbedding", "patch", given.patch),
              .stride = given.patch,
              .padding = 0,
              .bias = given.bias}),
        patch(given.patch) {}
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != 4 || x.shape(2) % patch != 0 || x.shape(3) % patch != 0)
      throw ShapeError(
          {.where = "PatchEmbedding",
           .what = "input of shape " + x.shape().text(),
           .expected = "[batch, channel, height, width], height and width multiples of " + std::to_string(patch),
           .remedy = "resize or pad the pictures"});
    return transpose(flatten(proj(x), 2), 1, 2);
  }
  auto fields() { return joist::fields("proj", proj); }

  Conv2d proj;
  std::int64_t patch;
};

}  // namespace joist
