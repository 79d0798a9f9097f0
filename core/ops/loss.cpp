// reduced: ℓ, Σ ℓ, Σ ℓ / count
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>

#include <algorithm>

namespace joist {

Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    case Reduction::batch_mean: break;
  }
  return losses.rank() == 0 ? losses : sum(losses) / static_cast<double>(losses.shape(0));
}

Tensor LossSum::mean() const { return sum / count; }

LossSum loss_sum(const Tensor& losses) { return {sum(losses), static_cast<double>(losses.value().elements())}; }

LossSum loss_sum(const Tensor& losses, const Tensor& weights) {
  require_fits("loss_sum", "weights", weights, losses.shape());
  const Tensor factors = weights.detach();
  const double repeated = static_cast<double>(losses.value().elements()) /
                          static_cast<double>(std::max<std::int64_t>(1, weights.value().elements()));
  return {sum(losses * factors), sum(to(to(factors, cpu), Dtype::float64)).item() * repeated};
}

void require_class_range(const char* op, const Array& labels, std::int64_t classes,
                         std::optional<std::int64_t> ignore) {
  if (labels.dtype() != Dtype::int64)
    throw DtypeError({.where = op,
                      .what = "a target of " + std::string(name_of(labels.dtype())),
                      .expected = "class numbers, int64",
                      .remedy = "to(target, Dtype::int64)"});
  if (!labels.device().on_host()) return;
  const std::int64_t* numbers = labels.data<std::int64_t>();
  for (std::int64_t row = 0; row < labels.elements(); ++row) {
    const std::int64_t label = numbers[row * labels.strides()[0]];
    if (label == ignore || (label >= 0 && label < classes)) continue;
    throw DataError({.where = op,
                     .what = "target " + std::to_string(label) + " in row " + std::to_string(row),
                     .expected = "0 to " + std::to_string(classes - 1) +
                                 (ignore ? ", or " + std::to_string(*ignore) + " to ignore the row" : ""),
                     .remedy = "check the labels against the number of classes"});
  }
}

Tensor as_numbers(const Tensor& target, const Tensor& input) {
  return is_floating(target.dtype()) || !is_floating(input.dtype()) ? target : to(target, input.dtype());
}

}  // namespace joist
