// softmax:     y = exp(x) / Σ exp(x)       dx = y · (dy - Σ dy y)
// log_softmax: y = x - log Σ exp(x)        dx = dy - exp(y) Σ dy
// sparsemax:   y = max(x - τ, 0)           dx = dy - mean of dy over the support, there
#include <joist/core/kernels/softmax.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/softmax.h>

#include <vector>

namespace joist {
namespace {

// 1 at the (first) largest of every line, else 0. Found on the host.
Tensor one_hot_of_largest(const Tensor& given, int axis) {
  const Array values = to(to(given.detach(), cpu), Dtype::float64).value();
  const double* at = values.data<double>();
  std::vector<double> chosen(static_cast<std::size_t>(values.elements()));
  const Strides dense = row_major(values.shape());
  const std::int64_t length = values.shape(axis);
  if (values.elements() > 0)
    for_each_index(values.shape().with(axis, 1), [&](const Shape& line) {
      const std::int64_t from = offset_of(line, values.strides());
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < length; ++k)
        if (at[from + k * values.strides()[axis]] > at[from + best * values.strides()[axis]]) best = k;
      chosen[static_cast<std::size_t>(offset_of(line, dense) + best * dense[axis])] = 1;
    });
  return to(to(Tensor(Array::from(chosen, values.shape())), given.dtype()), given.device());
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) {
  require_floating("softmax", x);
  const int at = axis_of("softmax", x, axis);
  const auto& table = kernels_of<SoftmaxKernels>(x.value());
  Array y = Array::like(x.value());
  table.softmax(x.value(), at, {y, false});
  return record({Op::softmax, AxisAttribute{at}}, {x}, y, [y = saved(y), at, &table](const Array& dy, Node& node) {
    table.softmax_backward(y, dy, at, node.slot(0));
  });
}

Tensor log_softmax(const Tensor& x, int axis) {
  require_floating("log_softmax", x);
  const int at = axis_of("log_softmax", x, axis);
  const auto& table = kernels_of<SoftmaxKernels>(x.value());
  Array y = Array::like(x.value());
  table.log_softmax(x.value(), at, {y, false});
  return record({Op::log_softmax, AxisAttribute{at}}, {x}, y, [y = saved(y), at, &table](const Array& dy, Node& node) {
    table.log_softmax_backward(y, dy, at, node.slot(0));
  });
}

Tensor softmin(const Tensor& x, int axis) {
  require_floating("softmin", x);
  return softmax(-x, axis_of("softmin", x, axis));
}

Tensor softmax_2d(const Tensor& x) {
  if (x.rank() != 3 && x.rank() != 4)
    throw ShapeError({.where = "softmax_2d",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[channel, height, width] or [batch, channel, height, width]",
                      .remedy = "softmax(x, axis) for other ranks"});
  require_floating("softmax_2d", x);
  return softmax(x, -3);
}

Tensor sparsemax(const Tensor& x, int axis) {
  require_floating("sparsemax", x);
  const int at = axis_of("sparsemax", x, axis);
  const auto& table = kernels_of<SoftmaxKernels>(x.value());
  Array y = Array::like(x.value());
  table.sparsemax(x.value(), at, {y, false});
  return record({Op::sparsemax, AxisAttribute{at}}, {x}, y, [y = saved(y), at, &table](const Array& dy, Node& node) {
    table.sparsemax_backward(y, dy, at, node.slot(0));
  });
}

Tensor gumbel_softmax(const Tensor& logits, double temperature, bool hard, int axis) {
  if (!(temperature > 0))
    throw UsageError({.where = "gumbel_softmax",
                      .what = "temperature " + std::to_string(temperature),
                      .expected = "a number above 0",
                      .remedy = "1; towards 0 the result is closer to one class"});
  require_floating("gumbel_softmax", logits);
  const int at = axis_of("gumbel_softmax", logits, axis);
  const Tensor noise = [&] {
    const NoGradient off;
    const Dtype wide = is_half(logits.dtype()) ? Dtype::float32 : logits.dtype();
    const Tensor drawn = exponential(logits.shape(), 1, wide, logits.device());
    return to(-log(clamp_min(drawn, 0x1p-25)), logits.dtype());  // one draw in 2^24 is 0
  }();
  const Tensor soft = softmax((logits + noise) / temperature, at);
  if (!hard) return soft;
  // The value of the hard draw with the gradient of the soft one.
  return record({Op::custom}, {soft}, one_hot_of_largest(soft, at).value(),
                [](const Array& dy, Node& node) { node.give(0, dy); });
}

}  // namespace joist
