// Rows of scores in registers, by packs of four keys, where they are not too long for that; else a block per row, which
// is read again for each step.
#include <joist/cuda/lines.h>
#include <joist/cuda/score_packs.h>

namespace joist::cuda {
namespace {

struct SoftmaxScores {
  MaskedRows rows;
  Floats scores, weights, log_sum;
  RowPlaces place;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t i = block.index(); i < rows.count(); i += block.count()) {
      const MaskedRows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      float top = unseen_score;
      for (std::int64_t j = block.thread(); j < rows.keys; j += block.threads())
        top = Larger{}(top, rows.score(row, j, scores[base + j]));
      top = fold(block, room, top, Larger{});
      if (top == unseen_score) top = 0;  // sees nothing
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
  MaskedRows rows;
  Floats scores, dweights, log_sum, weights, slopes;
  RowPlaces place;
  Result dmask;
  std::int64_t mask_stride[4];

  JOIST_DEVICE float weight(const MaskedRows::Row& row, std::int64_t j, float product, float log_total) const {
    const float score = rows.score(row, j, product);
    return score == unseen_score ? 0.0F : std::exp(score - log_total);
  }
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t i = block.index(); i < rows.count(); i += block.count()) {
      const MaskedRows::Row row = rows.row(i);
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

Grid grid_of(const MaskedRows& rows) {
  return {.blocks = std::min(rows.count(), most_blocks),
          .threads = rows.keys > 128 ? threads_per_block : 32,
          .shared_bytes = fold_bytes<float>};
}

}  // namespace

void softmax_scores(const ScoreRows& which, const Array& scores, const Array& weights, const Array& log_sum) {
  const MaskedRows rows(which, scores);
  const bool packed = has_fours(scores) && has_fours(weights) && with_packs(rows.keys, [&](auto shape) {
                        launch("attention", shape.grid(rows.count()),
                               PackedSoftmax<decltype(shape)>{rows, Fours(scores), Fours(weights), Floats(log_sum),
                                                              RowPlaces(log_sum)});
                      });
  if (!packed)
    launch("attention", grid_of(rows),
           SoftmaxScores{rows, Floats(scores), Floats(weights), Floats(log_sum), RowPlaces(log_sum)});
}

void softmax_scores_backward(const ScoreRows& which, const Array& scores, const Array& dweights, const Array& log_sum,
                             const Array& weights, const Array& slopes, const Out& dmask) {
  const MaskedRows rows(which, scores);
  const bool packed =
      !dmask.array.defined() && has_fours(scores) && has_fours(dweights) && has_fours(weights) && has_fours(slopes) &&
      with_packs(rows.keys, [&](auto shape) {
        launch("attention_backward", shape.grid(rows.count()),
               PackedSoftmaxBackward<decltype(shape)>{rows, Fours(scores), Fours(dweights), Floats(log_sum),
                                                      Fours(weights), Fours(slopes), RowPlaces(log_sum)});
      });
  if (packed) return;
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
  launch("attention_backward", grid_of(rows), body);
}

}  // namespace joist::cuda
