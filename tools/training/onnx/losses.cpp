// Classification losses.
#include <joist/tools/training/onnx/call.h>

namespace joist::onnx_ops {
namespace {

// log_probability [batch, classes, ...], target [batch, ...].
Tensor likelihood_loss(const Call& c, const Tensor& log_probability, const Tensor& target, const Tensor& weight) {
  const Tensor classes = to(target, Dtype::int64);
  const auto count = static_cast<double>(log_probability.shape(1));
  Tensor counts = logical_and(ge(classes, 0.0), lt(classes, count));
  const bool ignores = c.has("ignore_index");
  if (ignores) counts = logical_and(counts, ne(classes, static_cast<double>(c.integer("ignore_index", 0))));
  if (!ignores && !all(counts).item()) c.refuse("a class out of range");
  const Tensor safe = where(counts, classes, zeros_like(classes));
  const Tensor picked = squeeze(gather(log_probability, 1, unsqueeze(safe, 1)), 1);
  Tensor factor = to(counts, log_probability.dtype());
  if (weight.defined()) factor = factor * reshape(index_select(weight, 0, reshape(safe, {-1})), safe.shape());
  const Tensor loss = neg(picked) * factor;
  const std::string reduction = c.text("reduction", "mean");
  if (reduction == "none") return loss;
  return reduction == "sum" ? sum(loss) : sum(loss) / sum(factor);
}

Outputs negative_log_likelihood(const Call& c) { return {likelihood_loss(c, c[0], c[1], c.optional(2))}; }

Outputs softmax_cross_entropy(const Call& c) {
  const Tensor log_probability = log_softmax(c[0], 1);
  return {likelihood_loss(c, log_probability, c[1], c.optional(2)), log_probability};
}

}  // namespace

void add_losses(Table& t) {
  t["NegativeLogLikelihoodLoss"] = negative_log_likelihood;
  t["SoftmaxCrossEntropyLoss"] = softmax_cross_entropy;
}

}  // namespace joist::onnx_ops
