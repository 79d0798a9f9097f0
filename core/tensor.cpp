#include <joist/core/kernels/elementwise.h>
#include <joist/core/tensor.h>
#include <joist/core/tensor_state.h>

namespace joist {

Tensor::Tensor(Array value, bool requires_grad) : state_(std::make_shared<TensorState>()) {
  state_->value = std::move(value);
  set_requires_grad(requires_grad);
}

Tensor Tensor::from(const std::vector<float>& values, const Shape& shape, bool requires_grad) {
  return Tensor(Array::from(values, shape), requires_grad);
}

Tensor Tensor::zeros(const Shape& shape, Dtype dtype, Device device) { return full(shape, 0, dtype, device); }

Tensor Tensor::full(const Shape& shape, double value, Dtype dtype, Device device) {
  Array array = Array::empty(shape, dtype, device);
  kernels_of<ElementwiseKernels>(array).fill(value, array);
  return Tensor(array);
}

const Array& Tensor::value() const {
  if (!state_)
    throw InternalError({.where = "Tensor",
                         .what = "an undefined tensor was read",
                         .expected = "a tensor with a value",
                         .remedy = "ask defined() of what is optional: a layer's bias, a state, a mask"});
  return state_->value;
}

bool Tensor::requires_grad() const noexcept { return state_ && (state_->requires_grad || state_->origin); }

void Tensor::set_requires_grad(bool wanted) const {
  if (state_->origin)
    throw InternalError({.where = "set_requires_grad",
                         .what = "this tensor is the result of an operation",
                         .expected = "a leaf",
                         .remedy = "call it on the operation's inputs, or on detach()"});
  const Dtype dtype = state_->value.dtype();
  if (wanted && !is_floating(dtype))
    throw DtypeError({.where = "set_requires_grad",
                      .what = "gradients of " + std::string(name_of(dtype)),
                      .expected = "a floating-point tensor"});
  state_->requires_grad = wanted;
}

Array Tensor::gradient() const { return state_ && state_->has_gradient ? state_->gradient : Array(); }

void Tensor::clear_gradient() const {
  if (state_) state_->has_gradient = false;
}

void Tensor::place_gradient(Array memory) const {
  if (memory.shape() != shape() || memory.dtype() != dtype())
    throw ShapeError({.where = "place_gradient",
                      .what = "memory of shape " + memory.shape().text() + " for a tensor of shape " + shape().text()});
  state_->gradient = std::move(memory);
  state_->has_gradient = false;
}

void Tensor::place_value(Array value) const {
  if (value.shape() != shape())
    throw ShapeError({.where = "place_value",
                      .what = "memory of shape " + value.shape().text() + " for a tensor of shape " + shape().text()});
  if (state_->origin)
    throw InternalError({.where = "place_value", .what = "this tensor is the result of an operation"});
  if (value.device() != device() || value.dtype() != dtype()) {
    state_->gradient = Array();
    state_->has_gradient = false;
  }
  state_->value = std::move(value);
}

}  // namespace joist
