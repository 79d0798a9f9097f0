// y = f(a, b) with broadcasting      da = sum over broadcast axes of dy · ∂f/∂a      db alike
#include <joist/core/ops.h>
#include <joist/core/ops/check.h>

namespace joist {

Tensor apply(const Binary& function, const Tensor& a, const Tensor& b) {
  require_same_kind("arithmetic", a, b);
  const Shape shape = broadcast(a.shape(), b.shape(), "arithmetic");
  const auto& table = kernels(a.device()).elementwise;
  // The operand that already has the result's shape decides the physical order.
  Array y = Array::like((a.shape() == shape ? a : b).value(), shape);
  table.binary(function, a.value(), b.value(), {y, false});
  // Sums and differences need no operand values; only their shapes matter to the kernel.
  return record({Op::binary, function}, {a, b}, std::move(y),
                [function, a = saved(a), b = saved(b), &table](const Array& dy, Node& node) {
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

Tensor operator+(const Tensor& a, const Tensor& b) { return apply(Add{}, a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return apply(Subtract{}, a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return apply(Multiply{}, a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return apply(Divide{}, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return apply(Maximum{}, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return apply(Minimum{}, a, b); }

Tensor operator+(const Tensor& a, double b) { return apply(Affine{1, static_cast<float>(b)}, a); }
Tensor operator-(const Tensor& a, double b) { return a + -b; }
Tensor operator*(const Tensor& a, double b) { return apply(Affine{static_cast<float>(b), 0}, a); }
Tensor operator/(const Tensor& a, double b) { return a * (1.0 / b); }
Tensor operator-(double a, const Tensor& b) { return apply(Affine{-1, static_cast<float>(a)}, b); }
Tensor operator-(const Tensor& a) { return a * -1.0; }

}  // namespace joist
