// Tables of vectors, and pictures as sequences of vectors.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
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
inline Parameter embedding_table(std::int64_t rows, std::int64_t width, const std::optional<std::int64_t>& padding) {
  Parameter table = init::normal({rows, width}, 1);
  if (!padding) return table;
  const std::int64_t row = *padding < 0 ? *padding + rows : *padding;
  if (row < 0 || row >= rows)
    throw UsageError({.where = "embedding",
                      .what = "padding index " + std::to_string(*padding) + " of " + std::to_string(rows) + " rows",
                      .expected = "one of the rows"});
  kernels(table.value()).elementwise.fill(0, table.value().sliced(0, row, row + 1));
  return table;
}
}  // namespace detail

/// torch.nn.Embedding: int64 [...] -> [..., embedding_dim].
struct Embedding {
  explicit Embedding(const EmbeddingLayerOptions& given)
      : options{.padding_index = given.padding_idx, .max_norm = given.max_norm, .norm_type = given.norm_type},
        weight(detail::embedding_table(given.num_embeddings, given.embedding_dim, given.padding_idx)) {}
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
        weight(detail::embedding_table(given.num_embeddings, given.embedding_dim, given.padding_idx)) {}
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
      : proj({.in = given.in,
              .out = given.width,
              .kernel = given.patch,
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
