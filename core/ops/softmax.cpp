// softmax:     y = exp(x) / Σ exp(x)       dx = y · (dy - Σ dy y)
// log_softmax: y = x - log Σ exp(x)        dx = dy - exp(y) Σ dy
#include <joist/core/kernels/softmax.h>
#include <joist/core/ops/softmax.h>

namespace joist {

Tensor softmax(const Tensor& x, int axis) {
  const int at = x.shape().axis(axis);
  const auto& table = kernels_of<SoftmaxKernels>(x.value());
  Array y = Array::like(x.value());
  table.softmax(x.value(), at, {y, false});
  return record({Op::softmax, AxisAttribute{at}}, {x}, y, [y = saved(y), at, &table](const Array& dy, Node& node) {
    table.softmax_backward(y, dy, at, node.slot(0));
  });
}

Tensor log_softmax(const Tensor& x, int axis) {
  const int at = x.shape().axis(axis);
  const auto& table = kernels_of<SoftmaxKernels>(x.value());
  Array y = Array::like(x.value());
  table.log_softmax(x.value(), at, {y, false});
  return record({Op::log_softmax, AxisAttribute{at}}, {x}, y, [y = saved(y), at, &table](const Array& dy, Node& node) {
    table.log_softmax_backward(y, dy, at, node.slot(0));
  });
}

}  // namespace joist
