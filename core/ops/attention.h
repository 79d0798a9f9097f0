// Attention, and how positions enter it.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/attention.h>

#include <cstdint>

namespace joist {

/// softmax(scale · q kᵀ + mask) · v with memory linear in the sequence length. q [batch, heads, queries, width],
/// k [batch, key_heads, keys, width], v [batch, key_heads, keys, value_width] -> [batch, heads, queries, value_width];
/// without the batch, or without batch and heads, as well. heads is a multiple of key_heads (grouped queries).
///
/// mask: bool (true: may be seen, as in torch.nn.functional; torch.nn.MultiheadAttention means the opposite) or of q's
/// type (added), broadcast to [batch, heads, queries, keys]; slopes [heads]: alibi_slopes(). Rows that see nothing give
/// 0. options.dropout drops weights by the numbers of options.key, which next_random_key(Stream::dropout) draws.
/// Throws ShapeError, DtypeError or UsageError when operands or options do not fit, UnsupportedError for slopes that
/// want a gradient.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {}, const Tensor& mask = {},
                                    const Tensor& slopes = {});

/// The same of queries, keys and values that lie side by side, as one product gives them: qkv [batch, length,
/// 3 · heads · width] -> [batch, length, heads · width]. The gradient is written where it belongs, without copies.
/// Throws ShapeError or UsageError when operands or options do not fit.
Tensor joined_attention(const Tensor& qkv, std::int64_t heads, const AttentionOptions& options = {});

struct RotaryOptions {
  double base = 10000;
  std::int64_t offset = 0;   ///< position of the first row, as with a key/value cache
  std::int64_t width = 0;    ///< how many of the first elements of each row are turned; 0: all
  bool interleaved = false;  ///< pairs (0, 1), (2, 3), … as in GPT-J, else (0, width/2), (1, width/2 + 1), … as in
                             ///< GPT-NeoX and Llama
  double scale = 1;          ///< factor of positions (linear interpolation to longer sequences)
};
/// Rotary position embedding (Su et al., "RoFormer", 2021): x [..., length, width] with each pair turned by the angle
/// position · base^(-2i / width). Throws ShapeError for an odd width or one beyond x's, UsageError for options out of
/// range.
Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options = {});
/// The same with given cosines and sines, broadcast to [..., length, width / 2].
Tensor rotary_embedding(const Tensor& x, const Tensor& cosines, const Tensor& sines, bool interleaved = false);

/// [length, width]: sin(p / base^(2i / width)) at even, cos of the same at odd places (Vaswani et al. 2017).
Tensor sinusoidal_positions(std::int64_t length, std::int64_t width, double base = 10000, Dtype dtype = Dtype::float32,
                            Device device = cpu);

/// Slopes [heads] for attention with linear biases (Press et al., "Train short, test long", 2022).
Tensor alibi_slopes(std::int64_t heads, Dtype dtype = Dtype::float32, Device device = cpu);

}  // namespace joist
