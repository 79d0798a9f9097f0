// y = f(a, b) with broadcasting      da = sum over broadcast axes of dy · ∂f/∂a      db alike
#include <joist/core/block_names.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>

#include <array>
#include <cmath>
#include <numbers>

namespace joist {
namespace {

bool has_integers(const Binary& function) {
  return std::visit(
      []<class F>(const F&) {
        return std::is_same_v<F, Add> || std::is_same_v<F, Subtract> || std::is_same_v<F, Multiply> ||
               std::is_same_v<F, Maximum> || std::is_same_v<F, Minimum> || std::is_same_v<F, NumberMaximum> ||
               std::is_same_v<F, NumberMinimum> || std::is_same_v<F, FloorDivide> || std::is_same_v<F, Remainder> ||
               std::is_same_v<F, TruncatedDivide> || std::is_same_v<F, TruncatedRemainder> ||
               std::is_same_v<F, PowerOf>;
      },
      function);
}

// Functions of two truth values that PyTorch gives as a truth value: a sum is "or", a product "and".
bool has_truth_values(const Binary& function) {
  return std::visit(
      []<class F>(const F&) {
        return std::is_same_v<F, Add> || std::is_same_v<F, Multiply> || std::is_same_v<F, Maximum> ||
               std::is_same_v<F, Minimum> || std::is_same_v<F, NumberMaximum> || std::is_same_v<F, NumberMinimum>;
      },
      function);
}

// x ∘ number: integers stay integers where the number is whole.
Tensor with_number(const Binary& function, double scale, double shift, const Tensor& x, double number) {
  if (is_floating(x.dtype())) return apply(Affine{scale, shift}, x);
  const Dtype dtype = number == std::floor(number) ? Dtype::int64 : Dtype::float32;
  return apply(function, x, Tensor::full({}, number, dtype, x.device()));
}

// A float32 and a bfloat16 tensor, as where a branch comes back to a residual stream under Autocast: a GPU's kernel
// reads both as they are, so neither is converted first.
Tensor added_as_they_are(const Tensor& a, const Tensor& b) {
  const auto& table = kernels_of<ElementwiseKernels>(a.value());
  Array y = Array::like((a.dtype() == Dtype::float32 ? a : b).value());
  table.binary(Add{}, a.value(), b.value(), {y, false});
  return record({Op::binary, Binary(Add{})}, {a, b}, std::move(y),
                [types = std::array{a.dtype(), b.dtype()}, &table](const Array& dy, Node& node) {
                  for (int i = 0; i < 2; ++i) {
                    if (!node.wants(i)) continue;
                    if (types[static_cast<std::size_t>(i)] == dy.dtype())
                      node.give(i, dy);
                    else
                      table.copy(dy, node.slot(i));
                  }
                });
}

}  // namespace

Tensor apply(const Binary& function, const Tensor& given_a, const Tensor& given_b) {
  require_same_device("arithmetic", given_a, given_b);
  if (std::holds_alternative<Add>(function) && given_a.device().kind == Device::Kind::cuda &&
      given_a.dtype() != given_b.dtype() && given_a.shape() == given_b.shape() && wants_halves({given_a, given_b}))
    return added_as_they_are(given_a, given_b);
  auto [a, b] = promote(given_a, given_b);
  if (!is_floating(a.dtype()) && (a.dtype() == Dtype::boolean || !has_integers(function))) {
    // As in PyTorch: what has no integer result is computed in float32, bool numbers as integers.
    if (a.dtype() == Dtype::boolean && has_truth_values(function))
      return to(apply(function, to(a, Dtype::int64), to(b, Dtype::int64)), Dtype::boolean);
    const Dtype dtype = has_integers(function) ? Dtype::int64 : Dtype::float32;
    a = to(a, dtype);
    b = to(b, dtype);
  }
  const Shape shape = broadcast(a.shape(), b.shape(), "arithmetic");
  const auto& table = kernels_of<ElementwiseKernels>(a.value());
  // The operand that already has the result's shape decides the physical order.
  Array y = Array::like((a.shape() == shape ? a : b).value(), shape);
  table.binary(function, a.value(), b.value(), {y, false});
  // Sums and differences need no operand values; only their shapes matter to the kernel.
  return record({Op::binary, function}, {a, b}, std::move(y),
                [function, a = Saved(a), b = Saved(b), &table](const Array& dy, Node& node) {
                  const bool sum = std::holds_alternative<Add>(function);
                  for (int i = 0; i < 2; ++i) {
                    if (!node.wants(i)) continue;
                    if (sum && (i == 0 ? a : b).get().shape() == dy.shape()) {
                      node.give(i, dy);
                    } else {
                      table.binary_backward(function, a, b, dy, i, node.slot(i));
                    }
                  }
                });
}

Tensor add_relu(const Tensor& a, const Tensor& b) {
  // Listeners see the two operations.
  if (hears_single_operations() || a.device() != b.device() || a.dtype() != b.dtype() || !is_floating(a.dtype()) ||
      a.shape() != b.shape())
    return relu(a + b);
  const auto& table = kernels_of<ElementwiseKernels>(a.value());
  Array y = Array::like(a.value());
  table.binary(AddRelu{}, a.value(), b.value(), {y, false});
  const Array result = y;
  return record({Op::binary, Binary(AddRelu{})}, {a, b}, std::move(y),
                [y = saved(result), &table](const Array& dy, Node& node) {
                  // The sum is positive where the result is.
                  const Array slopes = Array::like(y);
                  table.unary_backward(Relu{}, y, dy, {slopes, false});
                  for (int i = 0; i < 2; ++i)
                    if (node.wants(i)) node.give(i, slopes);
                });
}

Tensor operator+(const Tensor& a, const Tensor& b) { return apply(Add{}, a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return apply(Subtract{}, a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return apply(Multiply{}, a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return apply(Divide{}, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return apply(Maximum{}, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return apply(Minimum{}, a, b); }
Tensor fmax(const Tensor& a, const Tensor& b) { return apply(NumberMaximum{}, a, b); }
Tensor fmin(const Tensor& a, const Tensor& b) { return apply(NumberMinimum{}, a, b); }
Tensor pow(const Tensor& a, const Tensor& b) { return apply(PowerOf{}, a, b); }
Tensor pow(double a, const Tensor& b) {
  const bool integers = !is_floating(b.dtype()) && a == std::floor(a);
  return apply(PowerOf{}, Tensor::full({}, a, integers ? Dtype::int64 : Dtype::float32, b.device()), b);
}
Tensor atan2(const Tensor& a, const Tensor& b) { return apply(ArcTangent2{}, a, b); }
Tensor hypot(const Tensor& a, const Tensor& b) { return apply(Hypotenuse{}, a, b); }
Tensor remainder(const Tensor& a, const Tensor& b) { return apply(Remainder{}, a, b); }
Tensor fmod(const Tensor& a, const Tensor& b) { return apply(TruncatedRemainder{}, a, b); }
Tensor floor_divide(const Tensor& a, const Tensor& b) { return apply(FloorDivide{}, a, b); }
Tensor trunc_divide(const Tensor& a, const Tensor& b) { return apply(TruncatedDivide{}, a, b); }
Tensor xlogy(const Tensor& a, const Tensor& b) { return apply(XLogY{}, a, b); }
Tensor xlog1py(const Tensor& a, const Tensor& b) { return apply(XLogOnePlusY{}, a, b); }
Tensor logaddexp(const Tensor& a, const Tensor& b) { return apply(LogAddExp{}, a, b); }
Tensor logaddexp2(const Tensor& a, const Tensor& b) {
  return logaddexp(a * std::numbers::ln2, b * std::numbers::ln2) / std::numbers::ln2;
}
Tensor copysign(const Tensor& a, const Tensor& b) { return apply(CopySign{}, a, b); }
Tensor ldexp(const Tensor& a, const Tensor& b) { return a * exp2(b); }
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) { return a + weight * (b - a); }
Tensor lerp(const Tensor& a, const Tensor& b, double weight) { return a + (b - a) * weight; }
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value) { return x + a * b * value; }
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value) { return x + a / b * value; }
Tensor heaviside(const Tensor& x, const Tensor& values) {
  const NoGradient off;
  const auto [p, q] = promote(x.detach(), values.detach());
  return to(where(eq(p, 0), q, to(gt(p, 0), p.dtype()) + p * 0.0), p.dtype());
}
Tensor clamp(const Tensor& x, const Tensor& low, const Tensor& high) {
  Tensor y = x;
  if (low.defined()) y = maximum(y, low);
  return high.defined() ? minimum(y, high) : y;
}

Tensor operator+(const Tensor& a, double b) { return with_number(Add{}, 1, b, a, b); }
Tensor operator-(const Tensor& a, double b) { return a + -b; }
Tensor operator*(const Tensor& a, double b) { return with_number(Multiply{}, b, 0, a, b); }
Tensor operator/(const Tensor& a, double b) { return with_number(Divide{}, 1.0 / b, 0, a, b); }
Tensor operator-(double a, const Tensor& b) { return is_floating(b.dtype()) ? apply(Affine{-1, a}, b) : -b + a; }
Tensor operator-(const Tensor& a) { return a * -1.0; }

}  // namespace joist
