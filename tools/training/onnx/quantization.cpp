// Eight-bit numbers: to and from them, and products of them, computed in float64, which holds them exactly. No
// gradients flow through rounding.
#include <joist/tools/training/onnx/call.h>

#include <algorithm>

namespace joist::onnx_ops {
namespace {

// A scale or zero point per element of `axis`, or one for all.
Tensor along(const Call& c, const Tensor& values, const Tensor& x, int axis) {
  const Tensor wide = to(values, Dtype::float64);
  if (wide.value().elements() == 1) return reshape(wide, {});
  if (wide.rank() > 1 || wide.value().elements() != x.shape(axis)) c.unsupported("scales per block");
  Shape shape = Shape::filled(x.rank(), 1);
  shape[axis] = wide.value().elements();
  return reshape(wide, shape);
}

std::pair<double, double> bounds(const Call& c, Dtype dtype) {
  if (dtype == Dtype::uint8) return {0, 255};
  if (dtype == Dtype::int8) return {-128, 127};
  c.unsupported("other quantized types than int8 and uint8");
}

Tensor quantized(const Call& c, const Tensor& y, const Tensor& scale, const Tensor& zero, Dtype dtype) {
  const auto [low, high] = bounds(c, dtype);
  return to(clamp(round(y / scale) + zero, low, high), dtype);
}

int axis_within(const Call& c, const Tensor& x) {
  const std::int64_t axis = c.integer("axis", 1);
  return x.rank() == 0 ? 0 : axes_of(c, {std::min<std::int64_t>(axis, x.rank() - 1)}, x.rank())[0];
}

Outputs quantize(const Call& c) {
  const int axis = axis_within(c, c[0]);
  const Dtype dtype = c.has(2) ? c[2].dtype() : Dtype::uint8;
  const Tensor zero = c.has(2) ? along(c, c[2], c[0], axis) : zeros({}, Dtype::float64);
  // Divided in the input's own precision: that decides how halves are rounded.
  const Tensor divided = c[0] / to(along(c, c[1], c[0], axis), c[0].dtype());
  return {quantized(c, to(divided, Dtype::float64), ones({}, Dtype::float64), zero, dtype)};
}

Outputs dequantize(const Call& c) {
  const int axis = axis_within(c, c[0]);
  Tensor x = to(c[0], Dtype::float64);
  if (c.has(2)) x = x - along(c, c[2], c[0], axis);
  return {to(x * along(c, c[1], c[0], axis), c[1].dtype())};
}

Outputs dynamic_quantize(const Call& c) {
  const Tensor x = to(c[0].detach(), Dtype::float32);
  const double high = std::max(0.0, amax(x).item()), low = std::min(0.0, amin(x).item());
  const Tensor scale = full({}, (high - low) / 255);
  const auto low_single = static_cast<float>(low), step = static_cast<float>(scale.item());
  const Tensor zero =
      step == 0 ? zeros({}) : clamp(round(full({}, static_cast<double>(-low_single / step))), 0.0, 255.0);
  const Tensor divided = step == 0 ? zeros_like(x) : x / scale;
  return {quantized(c, to(divided, Dtype::float64), ones({}, Dtype::float64), to(zero, Dtype::float64), Dtype::uint8),
          scale, to(zero, Dtype::uint8)};
}

Tensor without_zero(const Call& c, std::size_t value, std::size_t zero, int axis) {
  const Tensor x = to(c[value], Dtype::float64);
  return c.has(zero) ? x - along(c, c[zero], x, axis) : x;
}

Outputs matmul_integer(const Call& c) {
  const Tensor a = without_zero(c, 0, 2, std::max(0, c[0].rank() - 2)),
               b = without_zero(c, 1, 3, std::max(0, c[1].rank() - 1));
  return {to(matmul(a, b), Dtype::int32)};
}

Outputs linear_matmul(const Call& c) {
  const Tensor a =
      without_zero(c, 0, 2, std::max(0, c[0].rank() - 2)) * along(c, c[1], c[0], std::max(0, c[0].rank() - 2));
  const Tensor b = without_zero(c, 3, 5, c[3].rank() - 1) * along(c, c[4], c[3], c[3].rank() - 1);
  return {quantized(c, matmul(a, b), along(c, c[6], c[3], c[3].rank() - 1), along(c, c[7], c[3], c[3].rank() - 1),
                    c[7].dtype())};
}

}  // namespace

void add_quantization(Table& t) {
  t["QuantizeLinear"] = quantize;
  t["DequantizeLinear"] = dequantize;
  t["DynamicQuantizeLinear"] = dynamic_quantize;
  t["MatMulInteger"] = matmul_integer;
  t["QLinearMatMul"] = linear_matmul;
}

}  // namespace joist::onnx_ops
