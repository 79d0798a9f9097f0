// Attention inside of windows, shifted in every second block.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/linear.h>
#include <joist/layers/required.h>

#include <cstdint>

namespace joist {

struct WindowAttentionOptions {
  Required<std::int64_t> width;  ///< channels
  Required<std::int64_t> heads;
  std::int64_t window = 7;  ///< side of a window
  std::int64_t shift = 0;   ///< windows lie so far to the right and below, the rest comes in on the other side
};

/// Multi-head attention among the pixels of each window, with a learned bias for each distance (Liu et al. 2021):
/// [batch, height, width, channels] -> the same. Names and shapes are torchvision's ShiftedWindowAttention. Throws
/// UsageError unless heads divides width, ShapeError for other inputs.
struct WindowAttention {
  explicit WindowAttention(const WindowAttentionOptions& given);
  Tensor operator()(const Tensor& x) const;
  auto fields() {
    return joist::fields("relative_position_bias_table", relative_position_bias_table, "relative_position_index",
                         relative_position_index, "qkv", qkv, "proj", proj);
  }

  std::int64_t heads, window, shift;
  Parameter relative_position_bias_table;  // [(2 window - 1)², heads]
  Buffer relative_position_index;          // int64 [window⁴], on the host: a row of the table for each pair of pixels
  Linear qkv, proj;
};

}  // namespace joist
