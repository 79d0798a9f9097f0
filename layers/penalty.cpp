// l1 = Σ |w|      l2 = Σ w² / 2      orthogonality = Σ (G - I)², G the Gram matrix of rows or columns
#include <joist/layers/penalty.h>

namespace joist {
namespace {

template <class Of>
Tensor total(std::span<const Tensor> parameters, const Of& of) {
  if (parameters.empty()) return Tensor::zeros({});
  Tensor result = of(parameters[0]);
  for (const Tensor& parameter : parameters.subspan(1)) result = result + of(parameter);
  return result;
}

}  // namespace

Tensor l1_penalty(std::span<const Tensor> parameters) {
  return total(parameters, [](const Tensor& w) { return sum(abs(w)); });
}

Tensor l2_penalty(std::span<const Tensor> parameters) {
  return total(parameters, [](const Tensor& w) { return sum(square(w)) * 0.5; });
}

Tensor orthogonality_penalty(const Tensor& weight) {
  if (weight.rank() < 2)
    throw ShapeError({.where = "orthogonality_penalty",
                      .what = "weight of shape " + weight.shape().text(),
                      .expected = "[rows, ...] with two axes or more",
                      .remedy = "leave out biases and the weights of normalizations"});
  const std::int64_t rows = weight.shape(0), columns = weight.shape().elements(1, weight.rank());
  const Tensor w = reshape(weight, {rows, columns});
  const Tensor gram = rows <= columns ? matmul(w, transpose(w, 0, 1)) : matmul(transpose(w, 0, 1), w);
  return sum(square(gram - eye(std::min(rows, columns), -1, weight.dtype(), weight.device())));
}

}  // namespace joist
