// Attention's heads as an axis of their own.
#pragma once

#include <joist/core/ops.h>

#include <cstdint>

namespace joist {

/// [batch, length, heads · width] -> [batch, heads, length, width], a view.
inline Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return transpose(reshape(x, {x.shape(0), x.shape(1), heads, heads > 0 ? x.shape(2) / heads : 0}), 1, 2);
}

/// [batch, heads, length, width] -> [batch, length, heads · width].
inline Tensor join_heads(const Tensor& y) {
  return reshape(transpose(y, 1, 2), {y.shape(0), y.shape(2), y.shape(1) * y.shape(3)});
}

}  // namespace joist
