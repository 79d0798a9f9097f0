// A block per row of scores, which is read again for each step.
#include <joist/cuda/attention.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/key.h>
#include <joist/cuda/lines.h>

#include <cmath>
#include <limits>

namespace joist::cuda {
namespace {

/// A row-major [batches, heads, queries, keys] part of all rows, and what changes its scores.
struct Rows {
  std::int64_t batches, heads, queries, keys;  // of the part
  std::int64_t first_batch, first_query, all_queries;
  std::int64_t shift, window;  // a query's position less its number
  std::int64_t mask_stride[4] = {}, slope_stride = 0;
  float scale;
  double dropout;
  bool causal, choice = false;
  Key key;
  Elements mask{};
  Floats slopes{};

  Rows(const ScoreRows& rows, const Array& scores)
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
      mask = Elements(a.mask);
      choice = a.mask.dtype() == Dtype::boolean;
    }
    if (a.slopes.defined()) {
      slopes = Floats(a.slopes);
      slope_stride = a.slopes.strides()[0];
    }
  }

  JOIST_HOST_DEVICE std::int64_t count() const { return batches * heads * queries; }
  Grid grid() const {
    return {.blocks = std::min(count(), most_blocks),
            .threads = keys > 128 ? threads_per_block : 32,
            .shared_bytes = fold_bytes<float>};
  }

  struct Row {
    std::int64_t batch, head, query, position;
  };
  JOIST_DEVICE Row row(std::int64_t i) const {
    const std::int64_t query = i % queries + first_query;
    return {i / queries / heads + first_batch, i / queries % heads, query, query + shift};
  }
  /// -infinity where the key may not be seen.
  JOIST_DEVICE float score(const Row& row, std::int64_t j, float product) const {
    const std::int64_t distance = row.position < j ? j - row.position : row.position - j;
    if ((causal && j > row.position) || (window > 0 && distance >= window))
      return -std::numeric_limits<float>::infinity();
    float result = scale * product;
    if (slopes.defined()) result -= slopes[row.head * slope_stride] * static_cast<float>(distance);
    if (!mask.defined()) return result;
    const float here = mask.get<float>(row.batch * mask_stride[0] + row.head * mask_stride[1] +
                                       row.query * mask_stride[2] + j * mask_stride[3]);
    return !choice ? result + here : here != 0 ? result : -std::numeric_limits<float>::infinity();
  }
  /// 0 for a dropped weight, else 1 / (1 - p).
  JOIST_DEVICE float kept(const Row& row, std::int64_t j) const {
    if (dropout == 0) return 1;
    const std::int64_t number = (row.batch * heads + row.head) * all_queries + row.query;
    const auto block = static_cast<std::uint32_t>(number * ((keys + 3) / 4) + j / 4);
    const std::uint32_t word = random_bits(key.now(), block)[static_cast<std::size_t>(j % 4)];
    return static_cast<double>(uniform_from(word)) >= dropout ? static_cast<float>(1 / (1 - dropout)) : 0.0F;
  }
};

/// Places of the rows of an array [batch, head, query] of all.
struct RowPlaces {
  std::int64_t stride[3];
  explicit RowPlaces(const Array& x) : stride{x.strides()[0], x.strides()[1], x.strides()[2]} {}
  JOIST_DEVICE std::int64_t operator()(const Rows::Row& row) const {
    return row.batch * stride[0] + row.head * stride[1] + row.query * stride[2];
  }
};

struct SoftmaxScores {
  Rows rows;
  Floats scores, weights, log_sum;
  RowPlaces place;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t i = block.index(); i < rows.count(); i += block.count()) {
      const Rows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      float top = -std::numeric_limits<float>::infinity();
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads())
        top = Larger{}(top, rows.score(row, j, scores[base + j]));
      top = fold(block, room, top, Larger{});
      if (top == -std::numeric_limits<float>::infinity()) top = 0;  // sees nothing
      Total own;
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads())
        own.add(std::exp(rows.score(row, j, scores[base + j]) - top));
      const float total = sum(block, room, own.value());
      if (block.thread() == 0) log_sum.set(place(row), top + std::log(total));
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads()) {
        const float weight = std::exp(rows.score(row, j, scores[base + j]) - top);
        weights.set(base + j, weight == 0 ? 0.0F : weight / total * rows.kept(row, j));
      }
    }
  }
};

struct SoftmaxScoresBackward {
  Rows rows;
  Floats scores, dweights, log_sum, weights, slopes;
  RowPlaces place;
  Result dmask;
  std::int64_t mask_stride[4];

  JOIST_DEVICE float weight(const Rows::Row& row, std::int64_t j, float product, float log_total) const {
    const float score = rows.score(row, j, product);
    return score == -std::numeric_limits<float>::infinity() ? 0.0F : std::exp(score - log_total);
  }
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t i = block.index(); i < rows.count(); i += block.count()) {
      const Rows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      const float log_total = log_sum[place(row)];
      Total own;
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads()) {
        const float w = weight(row, j, scores[base + j], log_total);
        if (w != 0) own.add(w * rows.kept(row, j) * dweights[base + j]);
      }
      const float mean = sum(block, room, own.value());
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads()) {
        const float w = weight(row, j, scores[base + j], log_total), kept = rows.kept(row, j);
        const float slope = w == 0 ? 0.0F : w * (kept * dweights[base + j] - mean);
        weights.set(base + j, w == 0 ? 0.0F : w * kept);
        slopes.set(base + j, rows.scale * slope);
        if (dmask.defined())
          dmask.put(
              row.batch * mask_stride[0] + row.head * mask_stride[1] + row.query * mask_stride[2] + j * mask_stride[3],
              slope);
      }
    }
  }
};

}  // namespace

void softmax_scores(const ScoreRows& which, const Array& scores, const Array& weights, const Array& log_sum) {
  const Rows rows(which, scores);
  launch("attention", rows.grid(),
         SoftmaxScores{rows, Floats(scores), Floats(weights), Floats(log_sum), RowPlaces(log_sum)});
}

void softmax_scores_backward(const ScoreRows& which, const Array& scores, const Array& dweights, const Array& log_sum,
                             const Array& weights, const Array& slopes, const Out& dmask) {
  const Rows rows(which, scores);
  SoftmaxScoresBackward body{rows,
                             Floats(scores),
                             Floats(dweights),
                             Floats(log_sum),
                             Floats(weights),
                             Floats(slopes),
                             RowPlaces(log_sum),
                             Result(dmask),
                             {}};
  if (dmask.array.defined())
    for (int axis = 0; axis < 4; ++axis) body.mask_stride[axis] = dmask.array.strides()[axis];
  launch("attention_backward", rows.grid(), body);
}

}  // namespace joist::cuda
