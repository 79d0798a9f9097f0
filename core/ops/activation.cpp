// y = f(x)      dx = dy · f'(x)
#include <joist/core/ops.h>

namespace joist {

Tensor apply(const Unary& function, const Tensor& x) {
  const auto& table = kernels(x.device()).elementwise;
  Array y = Array::like(x.value());
  table.unary(function, x.value(), {y, false});
  return record({Op::unary, function}, {x}, std::move(y),
                [function, x = saved(x), &table](const Array& dy, Node& node) {
                  table.unary_backward(function, x, dy, node.slot(0));
                });
}

Tensor relu(const Tensor& x) { return apply(Relu{}, x); }
Tensor silu(const Tensor& x) { return apply(Silu{}, x); }
Tensor sigmoid(const Tensor& x) { return apply(Sigmoid{}, x); }
Tensor tanh(const Tensor& x) { return apply(HyperbolicTangent{}, x); }
Tensor gelu(const Tensor& x) { return apply(Gelu{}, x); }
Tensor exp(const Tensor& x) { return apply(Exponential{}, x); }
Tensor log(const Tensor& x) { return apply(Logarithm{}, x); }
Tensor sqrt(const Tensor& x) { return apply(SquareRoot{}, x); }
Tensor square(const Tensor& x) { return apply(Square{}, x); }
Tensor abs(const Tensor& x) { return apply(Absolute{}, x); }
Tensor clamp(const Tensor& x, double low, double high) {
  return apply(Clamp{static_cast<float>(low), static_cast<float>(high)}, x);
}

}  // namespace joist
