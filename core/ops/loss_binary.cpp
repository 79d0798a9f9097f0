// binary cross entropy: -t log p - (1 - t) log(1 - p); of logits max(x, 0) - x t + log(1 + exp(-|x|))
// focal family: that times a power of how wrong the prediction is
// distribution focal: two neighbouring bins share the target                      dx = dy · (softmax(x) - q)
#include <joist/core/kernels/loss.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

void check_options(const char* op, const Tensor& input, const BinaryLossOptions& options) {
  if (options.weight.defined()) require_fits(op, "weight", options.weight, input.shape());
  if (options.pos_weight.defined()) require_fits(op, "pos_weight", options.pos_weight, input.shape());
}

Tensor weighted(const Tensor& losses, const BinaryLossOptions& options) {
  return reduced(options.weight.defined() ? losses * options.weight.detach() : losses, options.reduction);
}

template <class T>
void require_probabilities(const Array& x) {
  const T* values = x.data<T>();
  for (std::int64_t i = 0; i < x.elements(); ++i)
    if (values[i] < 0 || values[i] > 1)
      throw DataError({.where = "binary_cross_entropy",
                       .what = "input " + std::to_string(values[i]) + " at element " + std::to_string(i),
                       .expected = "probabilities from 0 to 1",
                       .remedy = "sigmoid first, or binary_cross_entropy_with_logits"});
}

void require_probabilities(const Tensor& input) {
  if (!input.device().on_host()) return;
  const NoGradient off;
  const Array x = contiguous(is_half(input.dtype()) ? to(input, Dtype::float32) : input.detach()).value();
  if (x.dtype() == Dtype::float64) return require_probabilities<double>(x);
  require_probabilities<float>(x);
}

}  // namespace

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target) {
  require_pair("binary_cross_entropy_with_logits", logits, target);
  return apply(BinaryCrossEntropy{}, logits, as_numbers(target, logits));
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, const BinaryLossOptions& options) {
  require_pair("binary_cross_entropy_with_logits", logits, target);
  check_options("binary_cross_entropy_with_logits", logits, options);
  if (!options.pos_weight.defined()) return weighted(binary_cross_entropy_with_logits(logits, target), options);
  const Tensor t = as_numbers(target, logits);
  const Tensor factor = (options.pos_weight.detach() - 1.0) * t + 1.0;
  return weighted((1.0 - t) * logits - factor * logsigmoid(logits), options);
}

Tensor binary_cross_entropy(const Tensor& probabilities, const Tensor& target, const BinaryLossOptions& options) {
  require_pair("binary_cross_entropy", probabilities, target);
  check_options("binary_cross_entropy", probabilities, options);
  if (options.pos_weight.defined())
    throw UsageError({.where = "binary_cross_entropy",
                      .what = "pos_weight given",
                      .expected = "weight only, for probabilities",
                      .remedy = "binary_cross_entropy_with_logits"});
  require_probabilities(probabilities);
  return weighted(apply(ProbabilityCrossEntropy{}, probabilities, as_numbers(target, probabilities)), options);
}

Tensor sigmoid_focal_loss(const Tensor& logits, const Tensor& target, const FocalOptions& options) {
  require_pair("sigmoid_focal_loss", logits, target);
  require_option("sigmoid_focal_loss", options.alpha <= 1, "alpha", options.alpha, "at most 1; negative: no weighting");
  require_option("sigmoid_focal_loss", options.gamma >= 0, "gamma", options.gamma, "0 or more");
  return reduced(apply(FocalCrossEntropy{options.alpha, options.gamma}, logits, as_numbers(target, logits)),
                 options.reduction);
}

Tensor quality_focal_loss(const Tensor& logits, const Tensor& target, double beta, Reduction reduction) {
  require_pair("quality_focal_loss", logits, target);
  require_option("quality_focal_loss", beta >= 0, "beta", beta, "0 or more");
  const Tensor t = as_numbers(target, logits);
  const Tensor distance = apply(AbsoluteDifference{}, t, sigmoid(logits));
  return reduced(binary_cross_entropy_with_logits(logits, t) * pow(distance, beta), reduction);
}

Tensor varifocal_loss(const Tensor& logits, const Tensor& target, const VarifocalOptions& options) {
  require_pair("varifocal_loss", logits, target);
  require_option("varifocal_loss", options.gamma >= 0, "gamma", options.gamma, "0 or more");
  const Tensor t = as_numbers(target, logits);
  const Tensor factor = where(gt(t, 0), t, pow(sigmoid(logits), options.gamma) * options.alpha);
  return reduced(binary_cross_entropy_with_logits(logits, t) * factor, options.reduction);
}

Tensor distribution_focal_loss(const Tensor& logits, const Array& target) {
  if (logits.rank() != 2 || target.rank() != 1 || target.shape(0) != logits.shape(0))
    throw ShapeError({.where = "distribution_focal_loss",
                      .what = "logits " + logits.shape().text() + ", target " + target.shape().text(),
                      .expected = "[rows, bins] and [rows]",
                      .remedy = "reshape(x, {-1, bins}) first"});
  const auto& table = kernels_of<LossKernels>(logits.value());
  Array y = Array::empty({logits.shape(0)}, logits.dtype(), logits.device());
  table.distribution_focal(logits.value(), target, {y, false});
  return record({Op::distribution_focal}, {logits}, std::move(y),
                [x = saved(logits), target = saved(target), &table](const Array& dy, Node& node) {
                  table.distribution_focal_backward(x, target, dy, node.slot(0));
                });
}

}  // namespace joist
