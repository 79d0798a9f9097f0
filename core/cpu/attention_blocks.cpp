#include <joist/core/cpu/attention.h>
#include <joist/core/cpu/simd.h>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/attention_blocks.cpp>
// clang-format off
#include <hwy/foreach_target.h>  // before the others
#include <joist/core/cpu/simd-inl.h>
#include <joist/core/cpu/attention_scores-inl.h>
#include <joist/core/cpu/small_product-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

// [rows, width] -> [width, key_block], zeros beyond the rows.
void pack_block(const float* x, std::int64_t row_stride, std::int64_t rows, std::int64_t width, float* y) {
  const hn::RebindToSigned<FloatTag> d;
  for (std::int64_t i = 0; i < key_block; i += lanes()) {
    const float* from = x + i * row_stride;
    if (i + lanes() <= rows && row_stride < (1 << 24)) {
      const auto index = hn::Mul(hn::Iota(d, 0), hn::Set(d, static_cast<std::int32_t>(row_stride)));
      for (std::int64_t t = 0; t < width; ++t)
        store(hn::GatherIndex(FloatTag(), from + t, index), y + t * key_block + i);
    } else {
      for (std::int64_t t = 0; t < width; ++t)
        for (std::int64_t k = 0; k < lanes(); ++k)
          y[t * key_block + i + k] = i + k < rows ? from[k * row_stride + t] : 0;
    }
  }
}

void pack(const Problem& p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t block = item % p.key_blocks(), sequence = item / p.key_blocks();
    const std::int64_t b = sequence / p.key_heads, h = sequence % p.key_heads, first = block * key_block;
    const std::int64_t rows = std::min(key_block, p.keys - first);
    pack_block(p.k.at(b, h, first), p.k.row, rows, p.width, p.packed_keys + item * p.width * key_block);
    if (p.packed_values)
      pack_block(p.v.at(b, h, first), p.v.row, rows, p.value_width, p.packed_values + item * p.value_width * key_block);
  }
}

void multiply_row(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

void forward(const Problem& p, std::int64_t begin, std::int64_t end, float* workspace) {
  float *const scores = workspace, *const sums = scores + query_block * key_block;
  float* const largest = sums + query_block * p.value_width;
  const Dropout dropout(p);
  HWY_ALIGN float factors[key_block];
  double totals[query_block];
  for (std::int64_t number = begin; number < end; ++number) {
    const Item item(number, p.query_blocks());
    const Queries queries(p, item.sequence / p.heads, item.sequence % p.heads, item.block);
    const Range keys = queries.keys(p);
    std::fill(sums, sums + queries.rows * p.value_width, 0.0F);
    std::fill(largest, largest + queries.rows, -infinity);
    std::fill(totals, totals + queries.rows, 0.0);
    for (std::int64_t first = keys.begin / key_block * key_block; first < keys.end; first += key_block) {
      const std::int64_t count = std::min(key_block, keys.end - first);
      add_product({queries.rows, rounded(count), p.width},
                  {p.q.at(queries.batch, queries.head, queries.begin), p.q.row, 1},
                  {packed(p.packed_keys, p, p.width, queries.batch, queries.key_head, first / key_block), key_block},
                  scores, key_block, false);
      for (std::int64_t i = 0; i < queries.rows; ++i) {
        float* row = scores + i * key_block;
        finish_scores(p, queries, i, first, count, row);
        Lanes best(largest[i]);
        for (std::int64_t j = 0; j < count; j += lanes()) best = max(best, load(row + j));
        const float top = hn::GetLane(hn::MaxOfLanes(FloatTag(), best.v));
        const Lanes offset(top == -infinity ? 0.0F : top);
        Lanes sum(0.0F);
        for (std::int64_t j = 0; j < count; j += lanes()) {
          const Lanes weight = exp(load(row + j) - offset);
          store(weight, row + j);
          sum = sum + weight;
        }
        if (top > largest[i]) {
          const float factor = std::exp(largest[i] - top);  // 0 for the first block
          totals[i] *= static_cast<double>(factor);
          multiply_row(sums + i * p.value_width, p.value_width, factor);
          largest[i] = top;
        }
        totals[i] += static_cast<double>(sum_of_lanes(sum));
        if (p.options.dropout > 0) {
          dropout.draw(p, queries.row(p, i), first, count, factors);
          for (std::int64_t j = 0; j < count; ++j) row[j] *= factors[j];
        }
      }
      add_product({queries.rows, p.value_width, count}, {scores, key_block, 1},
                  {p.v.at(queries.batch, queries.key_head, first), p.v.row}, sums, p.value_width, true);
    }
    for (std::int64_t i = 0; i < queries.rows; ++i) {
      const bool blind = totals[i] == 0;
      const auto inverse = static_cast<float>(1 / totals[i]);
      const float* sum = sums + i * p.value_width;
      float* y = p.y.at(queries.batch, queries.head, queries.begin + i);
      for (std::int64_t t = 0; t < p.value_width; ++t) {
        const float value = blind ? 0 : sum[t] * inverse;
        y[t] = p.y.accumulate ? y[t] + value : value;
      }
      p.log_sum[queries.row(p, i)] =
          blind ? -infinity : static_cast<float>(static_cast<double>(largest[i]) + std::log(totals[i]));
    }
  }
}

void means(const Problem& p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t sequence = row / p.queries, b = sequence / p.heads, h = sequence % p.heads;
    const float *y = p.y.at(b, h, row % p.queries), *dy = p.dy.at(b, h, row % p.queries);
    Lanes sum(0.0F);
    for (std::int64_t t = 0; t < p.value_width; t += lanes())
      sum = multiply_add(load_up_to(y + t, p.value_width - t), load_up_to(dy + t, p.value_width - t), sum);
    p.mean[row] = sum_of_lanes(sum);
  }
}

// The weights (times dropout's factors) and the gradients of the scores of one block, both [query_block, key_block].
struct Block {
  float *weights, *slopes;

  void compute(const Problem& p, const Queries& queries, std::int64_t first, std::int64_t count) const {
    const std::int64_t number = first / key_block, b = queries.batch;
    add_product({queries.rows, rounded(count), p.width}, {p.q.at(b, queries.head, queries.begin), p.q.row, 1},
                {packed(p.packed_keys, p, p.width, b, queries.key_head, number), key_block}, weights, key_block, false);
    add_product({queries.rows, rounded(count), p.value_width}, {p.dy.at(b, queries.head, queries.begin), p.dy.row, 1},
                {packed(p.packed_values, p, p.value_width, b, queries.key_head, number), key_block}, slopes, key_block,
                false);
    const Dropout dropout(p);
    HWY_ALIGN float factors[key_block] = {};
    for (std::int64_t i = 0; i < queries.rows; ++i) {
      float *weight = weights + i * key_block, *slope = slopes + i * key_block;
      finish_scores(p, queries, i, first, count, weight);
      if (p.options.dropout > 0) dropout.draw(p, queries.row(p, i), first, count, factors);
      const float log_sum = p.log_sum[queries.row(p, i)];
      const Lanes offset(log_sum == -infinity ? 0.0F : log_sum), mean(p.mean[queries.row(p, i)]);
      for (std::int64_t j = 0; j < count; j += lanes()) {
        const Lanes w = exp(load(weight + j) - offset);
        const Lanes kept = p.options.dropout > 0 ? load(factors + j) : Lanes(1.0F);
        store(w * kept, weight + j);
        store(w * (load(slope + j) * kept - mean), slope + j);
      }
    }
  }
};

// The memory of one part of the loops.
struct Workspace {
  Block block;
  float *dk, *dv, *dq;  // [key_block, width], [key_block, value_width], [group, queries, width]
  Workspace(const Problem& p, float* memory)
      : block{memory, memory + query_block * key_block},
        dk(memory + 2 * query_block * key_block),
        dv(dk + key_block * p.width),
        dq(dv + key_block * p.value_width) {}
};

void write_rows(const float* sums, std::int64_t rows, std::int64_t width, float factor, const Heads& out,
                std::int64_t b, std::int64_t h, std::int64_t first) {
  if (!out.data) return;
  for (std::int64_t i = 0; i < rows; ++i) {
    float* to = out.at(b, h, first + i);
    const float* from = sums + i * width;
    for (std::int64_t t = 0; t < width; ++t) to[t] = (out.accumulate ? to[t] : 0) + from[t] * factor;
  }
}

// Adds what a block gives to dk and dv.
void add_to_keys(const Problem& p, const Workspace& w, const Queries& queries, std::int64_t count) {
  if (p.dv.data)
    add_product({count, p.value_width, queries.rows}, {w.block.weights, 1, key_block},
                {p.dy.at(queries.batch, queries.head, queries.begin), p.dy.row}, w.dv, p.value_width, true);
  if (p.dk.data)
    add_product({count, p.width, queries.rows}, {w.block.slopes, 1, key_block},
                {p.q.at(queries.batch, queries.head, queries.begin), p.q.row}, w.dk, p.width, true);
}

// Adds what it gives to dq [queries.rows, width] and dmask.
void add_to_queries(const Problem& p, const Workspace& w, const Queries& queries, std::int64_t first,
                    std::int64_t count, float* dq) {
  if (p.dq.data)
    add_product({queries.rows, p.width, count}, {w.block.slopes, key_block, 1},
                {p.k.at(queries.batch, queries.key_head, first), p.k.row}, dq, p.width, true);
  if (p.dmask.exists())
    for (std::int64_t i = 0; i < queries.rows; ++i) {
      float* row = p.dmask.numbers + p.dmask.at(queries.batch, queries.head, queries.begin + i, first);
      for (std::int64_t j = 0; j < count; ++j) row[j * p.dmask.column] += w.block.slopes[i * key_block + j];
    }
}

// Keys of the block at `first` that some of the queries see: their count, 0 for none.
std::int64_t count_seen(const Problem& p, const Queries& queries, std::int64_t first) {
  const Range keys = queries.keys(p);
  if (keys.empty() || keys.begin >= first + key_block) return 0;
  return std::max<std::int64_t>(0, std::min(key_block, keys.end - first));
}

// All that queries give to one block of keys; dq [group, queries, width], or null where it is summed elsewhere.
void one_key_block(const Problem& p, const Workspace& w, std::int64_t b, std::int64_t key_head, std::int64_t first,
                   float* dq) {
  std::fill(w.dk, w.dk + key_block * (p.width + p.value_width), 0.0F);
  for (std::int64_t member = 0; member < p.group(); ++member)
    for (std::int64_t block = 0; block < p.query_blocks(); ++block) {
      const Queries queries(p, b, key_head * p.group() + member, block);
      const std::int64_t count = count_seen(p, queries, first);
      if (count == 0) continue;
      w.block.compute(p, queries, first, count);
      add_to_keys(p, w, queries, count);
      if (dq) add_to_queries(p, w, queries, first, count, dq + (member * p.queries + queries.begin) * p.width);
    }
  const std::int64_t rows = std::min(key_block, p.keys - first);
  write_rows(w.dk, rows, p.width, p.scale, p.dk, b, key_head, first);
  write_rows(w.dv, rows, p.value_width, 1, p.dv, b, key_head, first);
}

void backward(const Problem& p, std::int64_t begin, std::int64_t end, float* memory) {
  const Workspace w(p, memory);
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t b = item / p.key_heads, key_head = item % p.key_heads;
    std::fill(w.dq, w.dq + p.group() * p.queries * p.width, 0.0F);
    for (std::int64_t first = 0; first < p.keys; first += key_block) one_key_block(p, w, b, key_head, first, w.dq);
    for (std::int64_t member = 0; member < p.group(); ++member)
      write_rows(w.dq + member * p.queries * p.width, p.queries, p.width, p.scale, p.dq, b,
                 key_head * p.group() + member, 0);
  }
}

void backward_keys(const Problem& p, std::int64_t begin, std::int64_t end, float* memory) {
  const Workspace w(p, memory);
  for (std::int64_t number = begin; number < end; ++number) {
    const Item item(number, p.key_blocks());
    one_key_block(p, w, item.sequence / p.key_heads, item.sequence % p.key_heads, item.block * key_block, nullptr);
  }
}

void backward_queries(const Problem& p, std::int64_t begin, std::int64_t end, float* memory) {
  const Workspace w(p, memory);
  for (std::int64_t number = begin; number < end; ++number) {
    const Item item(number, p.query_blocks());
    const Queries queries(p, item.sequence / p.heads, item.sequence % p.heads, item.block);
    std::fill(w.dq, w.dq + queries.rows * p.width, 0.0F);
    for (std::int64_t first = 0; first < p.keys; first += key_block) {
      const std::int64_t count = count_seen(p, queries, first);
      if (count == 0) continue;
      w.block.compute(p, queries, first, count);
      add_to_queries(p, w, queries, first, count, w.dq);
    }
    write_rows(w.dq, queries.rows, p.width, p.scale, p.dq, queries.batch, queries.head, queries.begin);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(pack);
HWY_EXPORT(forward);
HWY_EXPORT(means);
HWY_EXPORT(backward);
HWY_EXPORT(backward_keys);
HWY_EXPORT(backward_queries);
}  // namespace

namespace attention {

std::int64_t forward_workspace(const Problem& p) { return query_block * (key_block + p.value_width + 1); }
std::int64_t backward_workspace(const Problem& p) {
  return 2 * query_block * key_block + key_block * (p.width + p.value_width) + p.group() * p.queries * p.width;
}

void pack(const Problem& p, std::int64_t begin, std::int64_t end) { HWY_DYNAMIC_DISPATCH(pack)(p, begin, end); }
void forward(const Problem& p, std::int64_t begin, std::int64_t end, float* workspace) {
  HWY_DYNAMIC_DISPATCH(forward)(p, begin, end, workspace);
}
void means(const Problem& p, std::int64_t begin, std::int64_t end) { HWY_DYNAMIC_DISPATCH(means)(p, begin, end); }
void backward(const Problem& p, std::int64_t begin, std::int64_t end, float* workspace) {
  HWY_DYNAMIC_DISPATCH(backward)(p, begin, end, workspace);
}
void backward_keys(const Problem& p, std::int64_t begin, std::int64_t end, float* workspace) {
  HWY_DYNAMIC_DISPATCH(backward_keys)(p, begin, end, workspace);
}
void backward_queries(const Problem& p, std::int64_t begin, std::int64_t end, float* workspace) {
  HWY_DYNAMIC_DISPATCH(backward_queries)(p, begin, end, workspace);
}

}  // namespace attention
}  // namespace joist
#endif
