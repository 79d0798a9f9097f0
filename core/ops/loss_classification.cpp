// cross entropy of a row: -Σ q log softmax(x), q the target's probabilities, smoothed      dx = dy · (softmax(x) - q)
//   weights per class: with classes as target w_t · (1 - s) · (-log p_t) + s / C · Σ w (-log p); mean: Σ / Σ w_t
//                      with probabilities -Σ w q log p; mean: Σ / rows
// nll: -w_t x_t      distillation: T² Σ p_teacher (log p_teacher - log p_student) at temperature T
#include <joist/core/kernels/loss.h>
#include <joist/core/mode.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/softmax.h>

namespace joist {
namespace {

Shape without_classes(const Shape& shape) { return shape.rank() == 1 ? Shape{} : shape.without(1); }
std::int64_t classes_of(const Shape& shape) { return shape[shape.rank() == 1 ? 0 : 1]; }

// [classes] or [batch, classes, d1, …] -> [rows, classes]; no copy where the classes lie innermost.
Tensor class_rows(const Tensor& x) {
  const Shape& shape = x.shape();
  if (shape.rank() == 1) return reshape(x, {1, shape[0]});
  if (shape.rank() == 2) return x;
  const std::int64_t places = shape.elements(2, shape.rank());
  return reshape(transpose(reshape(x, {shape[0], shape[1], places}), 1, 2), {shape[0] * places, shape[1]});
}

void check(const char* op, const Tensor& x, const Tensor& target, const Tensor& weight, bool probabilities) {
  require_same_device(op, x, target);
  const Shape wanted = probabilities ? x.shape() : x.rank() > 0 ? without_classes(x.shape()) : Shape{};
  if (x.rank() < 1 || target.shape() != wanted)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + ", target " + target.shape().text(),
                      .expected = x.rank() < 1 ? "input [classes], [batch, classes] or [batch, classes, d1, …]"
                                               : "target " + wanted.text(),
                      .remedy = "the classes stand on axis 1; a target of classes is int64 and has no such axis"});
  require_floating(op, x);
  if (weight.defined()) {
    require_vector(op, "weight", weight, classes_of(x.shape()));
    require_same_device(op, x, weight);
  }
}

// What each row counts: the weight of its class, 0 when ignored.
Tensor row_weights(const Tensor& target, const Tensor& weight, std::int64_t ignore, Dtype dtype) {
  const NoGradient off;
  const Tensor ignored = eq(target, static_cast<double>(ignore));
  if (!weight.defined()) return to(logical_not(ignored), dtype);
  const Tensor known = where(ignored, 0.0, target);
  return masked_fill(to(index_select(weight.detach(), known.value()), dtype), ignored, 0);
}

// Losses of rows and what their mean divides by.
struct Rows {
  Tensor losses{};
  Tensor count{};
};

Dtype counting_type(const Tensor& x) { return is_half(x.dtype()) ? Dtype::float32 : x.dtype(); }

Rows rows_of_classes(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options) {
  const Tensor x = class_rows(logits), labels = reshape(target, {x.shape(0)});
  require_class_range("cross_entropy", labels.value(), x.shape(1), options.ignore_index);
  const Tensor weights = row_weights(labels, options.weight, options.ignore_index, counting_type(logits));
  const double s = options.label_smoothing;
  const bool weighted = options.weight.defined();
  const Tensor plain =
      cross_entropy(x, labels.value(), {.label_smoothing = weighted ? 0 : s, .ignore = options.ignore_index});
  if (!weighted) return {plain, sum(weights)};
  const Tensor factors = to(weights, plain.dtype());
  if (s == 0) return {plain * factors, sum(weights)};
  const Tensor all = sum(log_softmax(x, 1) * to(options.weight.detach(), x.dtype()), {1});
  const Tensor spread = masked_fill(all, eq(labels, static_cast<double>(options.ignore_index)), 0);
  return {plain * factors * (1 - s) - spread * (s / static_cast<double>(x.shape(1))), sum(weights)};
}

Rows rows_of_probabilities(const Tensor& given, const Tensor& target, const CrossEntropyLossOptions& options) {
  const Tensor logits = unhalved(given);
  if (options.ignore_index >= 0)
    throw UsageError({.where = "cross_entropy",
                      .what = "ignore_index " + std::to_string(options.ignore_index) + " with probabilities as target",
                      .expected = "class numbers (int64) where a class shall be ignored",
                      .remedy = "rows of zeros in the target count nothing"});
  const Tensor x = class_rows(logits);
  Tensor q = class_rows(to(target, logits.dtype()));
  const double s = options.label_smoothing;
  if (s != 0) q = q * (1 - s) + s / static_cast<double>(x.shape(1));
  if (options.weight.defined()) q = q * to(options.weight.detach(), x.dtype());
  const double rows = static_cast<double>(x.shape(0));
  return {-sum(log_softmax(x, 1) * q, {1}), Tensor::full({}, rows, counting_type(logits), x.device())};
}

Rows entropy_rows(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options) {
  const bool probabilities = is_floating(target.dtype());
  check("cross_entropy", logits, target, options.weight, probabilities);
  if (!probabilities) require_classes("cross_entropy", "target", target);
  require_option("cross_entropy", options.label_smoothing >= 0 && options.label_smoothing <= 1, "label_smoothing",
                 options.label_smoothing, "0 to 1");
  return probabilities ? rows_of_probabilities(logits, target, options) : rows_of_classes(logits, target, options);
}

Tensor reduced_rows(const Rows& rows, const Shape& input, Reduction reduction) {
  if (reduction == Reduction::mean) {
    const Tensor wide = to(rows.losses, rows.count.dtype());
    return to(sum(wide) / rows.count, rows.losses.dtype());
  }
  return reduced(reshape(rows.losses, without_classes(input)), reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Array& target, const CrossEntropyOptions& options) {
  if (logits.rank() != 2 || target.rank() != 1 || target.shape(0) != logits.shape(0))
    throw ShapeError({.where = "cross_entropy",
                      .what = "logits " + logits.shape().text() + ", target " + target.shape().text(),
                      .expected = "[rows, classes] and [rows]",
                      .remedy = "reshape(x, {-1, classes}) first"});
  require_floating("cross_entropy", logits);
  require_class_range("cross_entropy", target, logits.shape(1), options.ignore);
  const auto& table = kernels_of<LossKernels>(logits.value());
  const bool wide = is_half(logits.dtype()) && Autocast::halves_results(logits.device());
  Array y = Array::empty({logits.shape(0)}, wide ? Dtype::float32 : logits.dtype(), logits.device());
  table.cross_entropy(logits.value(), target, options, {y, false});
  return record({Op::cross_entropy, options}, {logits}, std::move(y),
                [x = saved(logits), target = saved(target), options, &table](const Array& dy, Node& node) {
                  table.cross_entropy_backward(x, target, dy, options, node.slot(0));
                });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options) {
  return reduced_rows(entropy_rows(logits, target, options), logits.shape(), options.reduction);
}

LossSum cross_entropy_sum(const Tensor& logits, const Tensor& target, const CrossEntropyLossOptions& options) {
  const Rows rows = entropy_rows(logits, target, options);
  return {sum(to(rows.losses, rows.count.dtype())), to(rows.count, cpu).item()};
}

Tensor nll_loss(const Tensor& log_probabilities, const Tensor& target, const NllOptions& options) {
  check("nll_loss", log_probabilities, target, options.weight, false);
  require_classes("nll_loss", "target", target);
  const Tensor x = class_rows(log_probabilities), labels = reshape(target, {x.shape(0)});
  const std::int64_t rows = x.shape(0), classes = x.shape(1);
  require_class_range("nll_loss", labels.value(), classes, options.ignore_index);
  const Tensor weights = row_weights(labels, options.weight, options.ignore_index, counting_type(x));
  const Tensor ignored = eq(labels, static_cast<double>(options.ignore_index));
  const Tensor position =
      arange(0, static_cast<double>(rows), 1, Dtype::int64, x.device()) * static_cast<double>(classes) +
      where(ignored, 0.0, labels);
  const Tensor picked = index_select(reshape(x, {rows * classes}), position.value());
  return reduced_rows({masked_fill(-picked * to(weights, x.dtype()), ignored, 0), sum(weights)},
                      log_probabilities.shape(), options.reduction);
}

Tensor smooth_labels(const Tensor& target, std::int64_t classes, double smoothing, Dtype dtype) {
  require_classes("smooth_labels", "target", target);
  require_option("smooth_labels", smoothing >= 0 && smoothing <= 1, "smoothing", smoothing, "0 to 1");
  require_option("smooth_labels", classes > 0, "classes", static_cast<double>(classes), "1 or more");
  const std::int64_t rows = target.value().elements();
  const Tensor labels = reshape(target, {rows, 1});
  require_class_range("smooth_labels", reshape(target, {rows}).value(), classes);
  const Tensor hot = eq(labels, arange(0, static_cast<double>(classes), 1, Dtype::int64, target.device()));
  return reshape(to(hot, dtype) * (1 - smoothing) + smoothing / static_cast<double>(classes),
                 target.shape().inserted(target.rank(), classes));
}

Tensor distillation_loss(const Tensor& student_logits, const Tensor& teacher_logits, double temperature,
                         Reduction reduction) {
  require_pair("distillation_loss", student_logits, teacher_logits, "teacher");
  if (student_logits.rank() < 2)
    throw ShapeError({.where = "distillation_loss",
                      .what = "logits " + student_logits.shape().text(),
                      .expected = "[batch, classes] or [batch, classes, d1, …]"});
  require_option("distillation_loss", temperature > 0, "temperature", temperature, "a number above 0");
  const Tensor teacher = log_softmax(teacher_logits.detach() / temperature, 1);
  const Tensor student = log_softmax(student_logits / temperature, 1);
  return kl_div(student, teacher, true, reduction) * (temperature * temperature);
}

}  // namespace joist
