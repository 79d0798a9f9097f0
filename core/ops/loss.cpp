// cross entropy of a row: -Σ q log softmax(x), q the smoothed one-hot target      dx = dy · (softmax(x) - q)
// distribution focal: two neighbouring bins share the target                      dx = dy · (softmax(x) - q)
// complete IoU: formulas and their sources stand in kernels.h
#include <joist/core/kernels/loss.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/loss.h>

namespace joist {
namespace {

void require_rows(const char* op, const Tensor& logits, const Array& target) {
  if (logits.rank() != 2 || target.rank() != 1 || target.shape(0) != logits.shape(0))
    throw ShapeError({.where = op,
                      .what = "logits " + logits.shape().text() + ", target " + target.shape().text(),
                      .expected = "[rows, classes] and [rows]"});
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Array& target, const CrossEntropyOptions& options) {
  require_rows("cross_entropy", logits, target);
  target.require_dtype(Dtype::int64);
  if (target.device().on_host()) {
    const std::int64_t* classes = target.data<std::int64_t>();
    for (std::int64_t row = 0; row < target.elements(); ++row) {
      const std::int64_t label = classes[row * target.strides()[0]];
      if (label != options.ignore && (label < 0 || label >= logits.shape(1)))
        throw DataError({.where = "cross_entropy",
                         .what = "target " + std::to_string(label) + " in row " + std::to_string(row),
                         .expected = "0 to " + std::to_string(logits.shape(1) - 1) + ", or " +
                                     std::to_string(options.ignore) + " to ignore the row"});
    }
  }
  const auto& table = kernels_of<LossKernels>(logits.value());
  Array y = Array::empty({logits.shape(0)}, logits.dtype(), logits.device());
  table.cross_entropy(logits.value(), target, options, {y, false});
  return record({Op::cross_entropy, options}, {logits}, std::move(y),
                [x = saved(logits), target = saved(target), options, &table](const Array& dy, Node& node) {
                  table.cross_entropy_backward(x, target, dy, options, node.slot(0));
                });
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target) {
  if (logits.shape() != target.shape())
    throw ShapeError({.where = "binary_cross_entropy_with_logits",
                      .what = "logits " + logits.shape().text() + ", target " + target.shape().text(),
                      .expected = "equal shapes"});
  return apply(BinaryCrossEntropy{}, logits, target);
}

Tensor distribution_focal_loss(const Tensor& logits, const Array& target) {
  require_rows("distribution_focal_loss", logits, target);
  const auto& table = kernels_of<LossKernels>(logits.value());
  Array y = Array::empty({logits.shape(0)}, logits.dtype(), logits.device());
  table.distribution_focal(logits.value(), target, {y, false});
  return record({Op::distribution_focal}, {logits}, std::move(y),
                [x = saved(logits), target = saved(target), &table](const Array& dy, Node& node) {
                  table.distribution_focal_backward(x, target, dy, node.slot(0));
                });
}

Tensor complete_iou(const Tensor& a, const Array& b) {
  if (a.rank() != 2 || a.shape(1) != 4 || b.shape() != a.shape())
    throw ShapeError({.where = "complete_iou",
                      .what = a.shape().text() + " and " + b.shape().text(),
                      .expected = "two arrays [rows, 4]"});
  const auto& table = kernels_of<LossKernels>(a.value());
  Array y = Array::empty({a.shape(0)}, a.dtype(), a.device());
  table.complete_iou(a.value(), b, {y, false});
  return record({Op::complete_iou}, {a}, std::move(y),
                [a = saved(a), b = saved(b), &table](const Array& dy, Node& node) {
                  table.complete_iou_backward(a, b, dy, node.slot(0));
                });
}

}  // namespace joist
