#include <joist/cuda/box_loss.h>
#include <joist/cuda/cross_entropy.h>
#include <joist/cuda/ctc.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

namespace joist::cuda {
namespace {

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
