#include <joist/cuda/box_loss.h>
#include <joist/cuda/ctc.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

#include <limits>

namespace joist::cuda {
namespace {

/// Rows of logits: the largest of a row and the logarithm of its softmax's denominator, one row per block.
struct Denominator {
  float top, log_sum;
};
JOIST_DEVICE Denominator denominator(Block& block, const Shared<float>& room, const Floats& logits, std::int64_t at,
                                     std::int64_t classes, std::int64_t step) {
  float top = -std::numeric_limits<float>::infinity();
  for (std::int64_t k = block.thread(); k < classes; k += block.threads()) top = Larger{}(top, logits[at + k * step]);
  top = fold(block, room, top, Larger{});
  Total own;
  for (std::int64_t k = block.thread(); k < classes; k += block.threads())
    own.add(std::exp(logits[at + k * step] - top));
  return {top, std::log(sum(block, room, own.value()))};
}

// loss = (1 - smoothing) · surprise of the target + smoothing · mean surprise; surprise = log Σ exp - logit.
struct CrossEntropyRows {
  Lines<3> rows;  // logits, target, loss
  Floats logits;
  Typed<std::int64_t> target;
  Result loss;
  float smoothing;
  std::int64_t ignore;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.walk.count(); row += block.count()) {
      const auto base = rows.walk(row);
      const std::int64_t wanted = target[base.at[1]];
      if (wanted == ignore) {  // the same for all threads of the block
        if (block.thread() == 0) loss.put(base.at[2], 0);
        continue;
      }
      const auto [top, log_sum] = denominator(block, room, logits, base.at[0], rows.length, rows.step[0]);
      float mean = 0;
      if (smoothing != 0) {
        Total own;
        for (std::int64_t k = block.thread(); k < rows.length; k += block.threads())
          own.add(logits[base.at[0] + k * rows.step[0]] - top);
        mean = log_sum - sum(block, room, own.value()) / static_cast<float>(rows.length);
      }
      if (block.thread() == 0)
        loss.put(base.at[2],
                 (1 - smoothing) * (log_sum - (logits[base.at[0] + wanted * rows.step[0]] - top)) + smoothing * mean);
    }
  }
};

struct CrossEntropyBackwardRows {
  Lines<4> rows;  // logits, target, dloss, dlogits
  Floats logits;
  Typed<std::int64_t> target;
  Floats dloss;
  Result dlogits;
  float smoothing;
  std::int64_t ignore;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.walk.count(); row += block.count()) {
      const auto base = rows.walk(row);
      const std::int64_t wanted = target[base.at[1]];
      const bool counts = wanted != ignore;
      const float slope = counts ? dloss[base.at[2]] : 0.0F;
      Denominator divisor{0, 0};
      if (counts) divisor = denominator(block, room, logits, base.at[0], rows.length, rows.step[0]);
      const float share = smoothing / static_cast<float>(rows.length);
      for (std::int64_t k = block.thread(); k < rows.length; k += block.threads()) {
        float gradient = 0;
        if (counts)
          gradient = std::exp(logits[base.at[0] + k * rows.step[0]] - divisor.top - divisor.log_sum) - share -
                     (k == wanted ? 1 - smoothing : 0.0F);
        dlogits.put(base.at[3] + k * rows.step[3], counts ? slope * gradient : 0.0F);
      }
    }
  }
};

// A vector with an element per row, as if it had a column per class.
Array beside(const Array& vector, std::int64_t classes) {
  return vector.inserted(1).expanded({vector.shape(0), classes});
}

void cross_entropy(const Array& logits, const Array& target, const CrossEntropyOptions& options, const Out& loss) {
  const std::int64_t classes = logits.shape(1);
  const Array targets = beside(target, classes), losses = beside(loss.array, classes);
  const Lines<3> rows(1, {&logits, &targets, &losses});
  launch("cross_entropy", rows.grid(fold_bytes<float>),
         CrossEntropyRows{rows, Floats(logits), Typed<std::int64_t>(target), Result(loss),
                          static_cast<float>(options.label_smoothing), options.ignore});
}
void cross_entropy_backward(const Array& logits, const Array& target, const Array& dloss,
                            const CrossEntropyOptions& options, const Out& dlogits) {
  const std::int64_t classes = logits.shape(1);
  const Array targets = beside(target, classes), slopes = beside(dloss, classes);
  const Lines<4> rows(1, {&logits, &targets, &slopes, &dlogits.array});
  launch("cross_entropy_backward", rows.grid(fold_bytes<float>),
         CrossEntropyBackwardRows{rows, Floats(logits), Typed<std::int64_t>(target), Floats(dloss), Result(dlogits),
                                  static_cast<float>(options.label_smoothing), options.ignore});
}

// Few bins: a thread per row.
struct FocalRow {
  Walk<3> rows;
  Floats logits, target;
  std::int64_t bins, step;
  JOIST_DEVICE Denominator divisor(std::int64_t at) const {
    float top = logits[at], total = 0;
    for (std::int64_t k = 1; k < bins; ++k) top = Larger{}(top, logits[at + k * step]);
    for (std::int64_t k = 0; k < bins; ++k) total += std::exp(logits[at + k * step] - top);
    return {top, std::log(total)};
  }
  // The weight of a bin: 1 at the target, falling to 0 at its neighbours.
  JOIST_DEVICE static float weight(float target, std::int64_t k) {
    const float low = std::floor(target), place = static_cast<float>(k);
    return place == low ? low + 1 - target : place == low + 1 ? target - low : 0.0F;
  }
};
void distribution_focal(const Array& logits, const Array& target, const Out& loss) {
  const Walk<3> rows({logits.shape(0)}, {&target, &loss.array, &target});
  const FocalRow row{rows, Floats(logits), Floats(target), logits.shape(1), logits.strides()[1]};
  const std::int64_t apart = logits.strides()[0];
  const Result to(loss);
  each("distribution_focal", rows.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto base = row.rows(i);
    const auto [top, log_sum] = row.divisor(i * apart);
    float total = 0;
    for (std::int64_t k = 0; k < row.bins; ++k)
      if (const float w = FocalRow::weight(row.target[base.at[0]], k); w != 0)
        total += w * (log_sum - (row.logits[i * apart + k * row.step] - top));
    to.put(base.at[1], total);
  });
}
void distribution_focal_backward(const Array& logits, const Array& target, const Array& dloss, const Out& dlogits) {
  const Walk<3> rows({logits.shape(0)}, {&target, &dloss, &target});
  const FocalRow row{rows, Floats(logits), Floats(target), logits.shape(1), logits.strides()[1]};
  const std::int64_t apart = logits.strides()[0], out_apart = dlogits.array.strides()[0],
                     out_step = dlogits.array.strides()[1];
  const Floats slope(dloss);
  const Result to(dlogits);
  each("distribution_focal_backward", rows.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto base = row.rows(i);
    const auto [top, log_sum] = row.divisor(i * apart);
    float weights = 0;
    for (std::int64_t k = 0; k < row.bins; ++k) weights += FocalRow::weight(row.target[base.at[0]], k);
    for (std::int64_t k = 0; k < row.bins; ++k) {
      const float probability = std::exp(row.logits[i * apart + k * row.step] - top - log_sum);
      to.put(i * out_apart + k * out_step,
             slope[base.at[1]] * (probability * weights - FocalRow::weight(row.target[base.at[0]], k)));
    }
  });
}

}  // namespace

void fill_loss(Kernels& table) {
  table.loss.cross_entropy = cross_entropy;
  table.loss.cross_entropy_backward = cross_entropy_backward;
  table.loss.distribution_focal = distribution_focal;
  table.loss.distribution_focal_backward = distribution_focal_backward;
  table.loss.complete_iou = complete_iou;
  table.loss.complete_iou_backward = complete_iou_backward;
  table.loss.ctc = ctc_loss;
  table.loss.ctc_backward = ctc_loss_backward;
}

}  // namespace joist::cuda
