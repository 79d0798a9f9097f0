// Rows of a table by index.
#pragma once

#include <joist/core/gradient.h>

#include <cstdint>
#include <limits>
#include <optional>

namespace joist {

struct EmbeddingOptions {
  std::optional<std::int64_t> padding_index{};                ///< this row gets no gradient; negative: from the end
  double max_norm = std::numeric_limits<double>::infinity();  ///< rows in use that are longer are shortened, in place
  double norm_type = 2;                                       ///< the p of that norm
};
/// index (int64, any shape) and weight [rows, width] -> [..., width]. Throws DataError for an index out of range.
Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingOptions& options = {});

enum class BagMode : std::uint8_t { sum, mean, maximum };
struct EmbeddingBagOptions {
  BagMode mode = BagMode::mean;
  bool include_last_offset = false;             ///< the last offset is the end, not a bag
  std::optional<std::int64_t> padding_index{};  ///< such entries do not count; negative: from the end
  double max_norm = std::numeric_limits<double>::infinity();
  double norm_type = 2;
};
/// Rows of weight [rows, width] reduced by bags -> [bags, width]. index [bags, length], or [n] with offsets [bags]
/// (int64): bag b holds the entries offsets[b] … offsets[b + 1] - 1. weights_per_sample: factors in index's shape, with
/// mode sum only. Empty bags give 0. As torch.nn.functional.embedding_bag.
Tensor embedding_bag(const Tensor& index, const Tensor& weight, const Tensor& offsets = {},
                     const EmbeddingBagOptions& options = {}, const Tensor& weights_per_sample = {});

}  // namespace joist
