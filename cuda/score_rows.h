// The rows of attention scores in bodies: what a query may see of the keys, and what changes its scores.
#pragma once

#include <joist/cuda/attention.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/key.h>
#include <joist/cuda/pack.h>

#include <cmath>
#include <limits>

namespace joist::cuda {

constexpr float unseen_score = -std::numeric_limits<float>::infinity();

/// A row-major [batches, heads, queries, keys] part of all rows, and what changes its scores.
struct MaskedRows {
  std::int64_t batches, heads, queries, keys;  // of the part
  std::int64_t first_batch, first_query, all_queries;
  std::int64_t shift, window;  // a query's position less its number
  std::int64_t mask_stride[4] = {}, slope_stride = 0;
  float scale;
  double dropout;
  bool causal;
  Key key;
  Typed<bool> choices{};  // the mask is one of these
  Floats added{};
  Floats slopes{};

  MaskedRows(const ScoreRows& rows, const Array& scores)
      : batches(scores.shape(0)),
        heads(scores.shape(1)),
        queries(scores.shape(2)),
        keys(scores.shape(3)),
        first_batch(rows.batch),
        first_query(rows.query),
        all_queries(rows.arguments.q.shape(2)),
        shift(rows.options.align_end ? keys - all_queries : 0),
        window(rows.options.window),
        scale(static_cast<float>(attention_scale(rows.options, rows.arguments.q.shape(3)))),
        dropout(rows.options.dropout),
        causal(rows.options.causal),
        key(rows.options.key) {
    const AttentionArguments& a = rows.arguments;
    if (a.mask.defined()) {
      const Array whole = a.mask.expanded({a.q.shape(0), heads, all_queries, keys});
      for (int axis = 0; axis < 4; ++axis) mask_stride[axis] = whole.strides()[axis];
      if (a.mask.dtype() == Dtype::boolean)
        choices = Typed<bool>(a.mask);
      else
        added = Floats(a.mask);
    }
    if (a.slopes.defined()) {
      slopes = Floats(a.slopes);
      slope_stride = a.slopes.strides()[0];
    }
  }

  JOIST_HOST_DEVICE std::int64_t count() const { return batches * heads * queries; }

  struct Row {
    std::int64_t batch, head, query, position;
    std::int64_t mask, number;  // where its mask begins, and its number among all rows
    float slope;
  };
  JOIST_DEVICE Row row(std::int64_t i) const {
    std::int64_t line, batch;
    if (count() <= 0x7FFFFFFF) {  // 64-bit division takes many times as long as 32-bit
      line = static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(queries);
      batch = static_cast<std::uint32_t>(line) / static_cast<std::uint32_t>(heads);
    } else {
      line = i / queries;
      batch = line / heads;
    }
    Row row;
    row.batch = batch + first_batch;
    row.head = line - batch * heads;
    row.query = i - line * queries + first_query;
    row.position = row.query + shift;
    row.mask = row.batch * mask_stride[0] + row.head * mask_stride[1] + row.query * mask_stride[2];
    row.number = (row.batch * heads + row.head) * all_queries + row.query;
    row.slope = slopes.defined() ? slopes[row.head * slope_stride] : 0.0F;
    return row;
  }
  /// Whether the causal rule or the window hides all keys from `first` to `last`.
  JOIST_DEVICE bool hides(const Row& row, std::int64_t first, std::int64_t last) const {
    if (causal && first > row.position) return true;
    return window > 0 && (first - row.position >= window || row.position - last >= window);
  }
  /// unseen_score where the key may not be seen.
  JOIST_DEVICE float score(const Row& row, std::int64_t j, float product) const {
    if (hides(row, j, j)) return unseen_score;
    float result = scale * product;
    const std::int64_t distance = row.position < j ? j - row.position : row.position - j;
    if (slopes.defined()) result -= row.slope * static_cast<float>(distance);
    if (choices.defined()) return choices[row.mask + j * mask_stride[3]] ? result : unseen_score;
    return added.defined() ? result + added[row.mask + j * mask_stride[3]] : result;
  }
  /// Whether the weights of the keys 4 quarter … 4 quarter + 3 are kept, from the lowest bit on.
  JOIST_DEVICE std::uint32_t kept_of_four(const Row& row, std::int64_t quarter) const {
    if (dropout == 0) return 0xF;
    const auto words = random_bits(key.now(), static_cast<std::uint32_t>(row.number * ((keys + 3) / 4) + quarter));
    std::uint32_t bits = 0;
    JOIST_UNROLL for (std::uint32_t k = 0; k < 4; ++k) {
      if (static_cast<double>(uniform_from(words[k])) >= dropout) bits |= 1U << k;
    }
    return bits;
  }
  /// What a kept weight is multiplied by.
  JOIST_HOST_DEVICE float kept_factor() const { return dropout == 0 ? 1.0F : static_cast<float>(1 / (1 - dropout)); }
  /// 0 for a dropped weight.
  JOIST_DEVICE float kept(const Row& row, std::int64_t j) const {
    return kept_of_four(row, j / 4) >> static_cast<std::uint32_t>(j % 4) & 1U ? kept_factor() : 0.0F;
  }
};

/// Places of the rows of an array [batch, head, query] of all.
struct RowPlaces {
  std::int64_t stride[3];
  explicit RowPlaces(const Array& x) : stride{x.strides()[0], x.strides()[1], x.strides()[2]} {}
  JOIST_DEVICE std::int64_t operator()(const MaskedRows::Row& row) const {
    return row.batch * stride[0] + row.head * stride[1] + row.query * stride[2];
  }
};

}  // namespace joist::cuda
