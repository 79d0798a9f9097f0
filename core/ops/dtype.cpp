// y = x in another element type      dx = dy in x's type
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/transfer.h>

#include <algorithm>

namespace joist {
namespace {

Array converted(const Array& x, Dtype dtype) {
  Array y = Array::empty(x.shape(), dtype, x.device(), x.order());
  kernels_of<ElementwiseKernels>(x).copy(x, {y, false});
  return y;
}

// On another device. Between two kinds of host memory elements may have to be converted; to and from GPUs bytes travel,
// without gaps.
Array moved(const Array& x, Device device) {
  if (x.device().on_host() && device.on_host()) {
    Array y = Array::empty(x.shape(), x.dtype(), device, x.order());
    kernels_of<ElementwiseKernels>(cpu).copy(x, {y, false});
    return y;
  }
  const Array source = x.is_dense() ? x : converted(x, x.dtype());
  const Array y = Array::empty({source.elements()}, source.dtype(), device);
  copy_bytes(y.raw(), device, source.raw(), source.device(), source.bytes());
  return y.strided(source.shape(), source.strides());
}

}  // namespace

Tensor to(const Tensor& x, Dtype dtype) {
  if (x.dtype() == dtype) return x;
  Array y = converted(x.value(), dtype);
  if (!is_floating(dtype) || !is_floating(x.dtype())) return Tensor(std::move(y));
  return record({Op::cast, DtypeAttribute{dtype}}, {x}, std::move(y),
                [from = x.dtype()](const Array& dy, Node& node) { node.give(0, converted(dy, from)); });
}

Tensor to(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  return record({Op::copy}, {x}, moved(x.value(), device),
                [from = x.device()](const Array& dy, Node& node) { node.give(0, moved(dy, from)); });
}

Dtype result_type(const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return a.dtype();
  const auto category = [](Dtype dtype) { return is_floating(dtype) ? 2 : dtype == Dtype::boolean ? 0 : 1; };
  if ((a.rank() == 0) != (b.rank() == 0)) {
    const Tensor &number = a.rank() == 0 ? a : b, &array = a.rank() == 0 ? b : a;
    if (category(number.dtype()) <= category(array.dtype())) return array.dtype();
  }
  return promoted(a.dtype(), b.dtype());
}

std::pair<Tensor, Tensor> promote(const Tensor& a, const Tensor& b) {
  const Dtype dtype = result_type(a, b);
  return {to(a, dtype), to(b, dtype)};
}

bool wants_autocast(std::initializer_list<Tensor> operands) noexcept {
  return Autocast::active() && std::all_of(operands.begin(), operands.end(), [](const Tensor& x) {
           return !x.defined() || (x.dtype() == Dtype::float32 && x.device().kind != Device::Kind::reference);
         });
}

bool wants_halves(std::initializer_list<Tensor> operands) noexcept {
  const auto is = [](const Tensor& x, Dtype dtype) { return x.defined() && x.dtype() == dtype; };
  return Autocast::halves_results(operands.begin()->device()) &&
         std::any_of(operands.begin(), operands.end(), [&](const Tensor& x) { return is(x, Dtype::float32); }) &&
         std::all_of(operands.begin(), operands.end(),
                     [&](const Tensor& x) { return !x.defined() || is(x, Dtype::float32) || is(x, Dtype::bfloat16); });
}

Tensor halved(const Tensor& x) { return x.defined() && x.dtype() == Dtype::float32 ? to(x, Dtype::bfloat16) : x; }

Tensor unhalved(const Tensor& x) {
  return x.defined() && x.dtype() == Dtype::bfloat16 && Autocast::halves_results(x.device()) ? to(x, Dtype::float32)
                                                                                             : x;
}

}  // namespace joist
