// Compositions of max(0, ·), whose derivative is 1 above 0 and 0 elsewhere.
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <vector>

namespace joist {
namespace {

void require_batch_of_classes(const char* op, const Tensor& input) {
  if (input.rank() < 1 || input.rank() > 2)
    throw ShapeError({.where = op,
                      .what = "input " + input.shape().text(),
                      .expected = "[batch, classes] or [classes]",
                      .remedy = "reshape(x, {-1, classes}) where other axes are samples too"});
  require_floating(op, input);
}

}  // namespace

Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, double margin, Reduction reduction) {
  require_pair("hinge_embedding_loss", input, target);
  const Tensor apart = where(ne(target, 1), clamp_min(margin - input, 0), 0.0);
  return reduced(apart + where(ne(target, -1), input, 0.0), reduction);
}

Tensor soft_margin_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  require_pair("soft_margin_loss", input, target);
  return reduced(-logsigmoid(as_numbers(target, input) * input), reduction);
}

Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target, double margin, Reduction reduction) {
  require_same_device("margin_ranking_loss", a, b);
  require_same_device("margin_ranking_loss", a, target);
  require_floating("margin_ranking_loss", a);
  require_same_kind("margin_ranking_loss", a, b);
  broadcast(broadcast(a.shape(), b.shape(), "margin_ranking_loss"), target.shape(), "margin_ranking_loss");
  return reduced(clamp_min(margin - as_numbers(target, a) * (a - b), 0), reduction);
}

Tensor multi_margin_loss(const Tensor& input, const Tensor& target, const MultiMarginOptions& options) {
  constexpr const char* op = "multi_margin_loss";
  require_batch_of_classes(op, input);
  require_same_device(op, input, target);
  require_classes(op, "target", target);
  require_option(op, options.p == 1 || options.p == 2, "p", options.p, "1 or 2");
  const Shape losses = input.shape().without(-1);
  if (target.shape() != losses)
    throw ShapeError({.where = op,
                      .what = "input " + input.shape().text() + ", target " + target.shape().text(),
                      .expected = "target " + losses.text(),
                      .remedy = "one class number for each row"});
  const std::int64_t classes = input.shape(-1), rows = losses.elements();
  if (options.weight.defined()) require_vector(op, "weight", options.weight, classes);
  const Tensor x = reshape(input, {rows, classes}), labels = reshape(target, {rows});
  const Tensor hot =
      eq(reshape(labels, {rows, 1}), arange(0, static_cast<double>(classes), 1, Dtype::int64, input.device()));
  require_class_range(op, labels.value(), classes);
  const Tensor weights =
      options.weight.defined() ? options.weight.detach() : full({classes}, 1, input.dtype(), input.device());
  const Tensor factors = [&] {
    const NoGradient off;
    return to(index_select(weights, labels.value()), input.dtype());
  }();
  const Tensor wanted = sum(where(hot, x, 0.0), {1}, true);
  const Tensor excess = where(hot, 0.0, clamp_min(options.margin - wanted + x, 0));
  const Tensor total = sum(options.p == 2 ? square(excess) : excess, {1}) * factors / static_cast<double>(classes);
  return reduced(reshape(total, losses), options.reduction);
}

Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  constexpr const char* op = "multilabel_margin_loss";
  require_batch_of_classes(op, input);
  require_pair(op, input, target);
  require_classes(op, "target", target);
  const Shape losses = input.shape().without(-1);
  const std::int64_t classes = input.shape(-1), rows = losses.elements();
  const auto labels = contiguous(to(target, cpu)).value().to_vector<std::int64_t>();
  std::vector<float> listed(labels.size());  // how often each class stands in its row's list
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t k = row * classes; k < (row + 1) * classes; ++k) {
      const std::int64_t label = labels[static_cast<std::size_t>(k)];
      if (label < 0) break;
      if (label >= classes)
        throw DataError({.where = op,
                         .what = "target " + std::to_string(label) + " in row " + std::to_string(row),
                         .expected = "0 to " + std::to_string(classes - 1) + ", ended by a negative number",
                         .remedy = "check the labels against the number of classes"});
      listed[static_cast<std::size_t>(row * classes + label)] += 1;
    }
  const Tensor count = to(to(tensor(listed, {rows, classes}), input.dtype()), input.device());
  const Tensor x = reshape(input, {rows, classes});
  // excess[row, j, i] = max(0, 1 - (x_j - x_i))
  const Tensor excess = clamp_min(1.0 - (reshape(x, {rows, classes, 1}) - reshape(x, {rows, 1, classes})), 0);
  const Tensor factor =
      reshape(count, {rows, classes, 1}) * reshape(to(eq(count, 0), input.dtype()), {rows, 1, classes});
  return reduced(reshape(sum(excess * factor, {1, 2}) / static_cast<double>(classes), losses), reduction);
}

Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target, const Tensor& weight,
                                   Reduction reduction) {
  constexpr const char* op = "multilabel_soft_margin_loss";
  require_pair(op, input, target);
  if (input.rank() < 1)
    throw ShapeError({.where = op,
                      .what = "input " + input.shape().text(),
                      .expected = "[..., classes]",
                      .remedy = "unsqueeze(x, 0) for a single class"});
  if (weight.defined()) require_fits(op, "weight", weight, input.shape());
  Tensor losses = apply(BinaryCrossEntropy{}, input, as_numbers(target, input));
  if (weight.defined()) losses = losses * weight.detach();
  return reduced(mean(losses, {-1}), reduction);
}

}  // namespace joist
