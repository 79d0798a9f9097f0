// Attention in blocks of queries and keys (Dao et al., "FlashAttention", 2022): scores exist for one block at a time
// and are computed again in backward, so that memory grows linearly with the sequence.
#pragma once

#include <joist/core/kernels.h>

#include <cstdint>

namespace joist::attention {

inline constexpr std::int64_t query_block = 48, key_block = 128;

/// [batch, heads, rows, width] with neighbouring elements along the last axis. No data: not there, or not wanted.
struct Heads {
  float* data = nullptr;
  std::int64_t batch = 0, head = 0, row = 0;
  bool accumulate = false;
  float* at(std::int64_t b, std::int64_t h, std::int64_t i) const { return data + b * batch + h * head + i * row; }
};

/// One number per query and key, any strides.
struct Grid {
  float* numbers = nullptr;
  const bool* choices = nullptr;
  std::int64_t batch = 0, head = 0, row = 0, column = 0;
  bool exists() const { return numbers || choices; }
  std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    return b * batch + h * head + i * row + j * column;
  }
};

struct Problem {
  std::int64_t batch = 0, heads = 0, key_heads = 0, queries = 0, keys = 0, width = 0, value_width = 0;
  AttentionOptions options{};
  std::int64_t shift = 0;  // position of query 0
  float scale = 0;
  Heads q{}, k{}, v{}, y{}, dy{}, dq{}, dk{}, dv{};
  Grid mask{}, dmask{};
  const float* slopes = nullptr;
  std::int64_t slope_stride = 0;
  float* log_sum = nullptr;        // [batch, heads, queries]
  float* mean = nullptr;           // [batch, heads, queries]: Σ dy y
  float* packed_keys = nullptr;    // [batch, key_heads, key_blocks, width, key_block], zeros beyond the keys
  float* packed_values = nullptr;  // the same of value_width

  std::int64_t query_blocks() const { return (queries + query_block - 1) / query_block; }
  std::int64_t key_blocks() const { return (keys + key_block - 1) / key_block; }
  std::int64_t group() const { return heads / key_heads; }
};

// Floats of workspace for one part of each of the loops below.
std::int64_t forward_workspace(const Problem& problem);
std::int64_t backward_workspace(const Problem& problem);

// Items begin … end of loops whose items are independent.
/// batch · key_heads · key_blocks: packs keys, and values where wanted.
void pack(const Problem& problem, std::int64_t begin, std::int64_t end);
/// batch · heads · query_blocks.
void forward(const Problem& problem, std::int64_t begin, std::int64_t end, float* workspace);
/// batch · heads · queries: mean.
void means(const Problem& problem, std::int64_t begin, std::int64_t end);
/// batch · key_heads: all gradients.
void backward(const Problem& problem, std::int64_t begin, std::int64_t end, float* workspace);
/// batch · key_heads · key_blocks: dk and dv; batch · heads · query_blocks: dq and dmask. Together they compute scores
/// twice, the same numbers as above bit for bit, in more independent items.
void backward_keys(const Problem& problem, std::int64_t begin, std::int64_t end, float* workspace);
void backward_queries(const Problem& problem, std::int64_t begin, std::int64_t end, float* workspace);

}  // namespace joist::attention
