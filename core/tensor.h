// Tensor: one pointer to {value, gradient, origin}. What users hold.
#pragma once

#include <joist/core/array.h>

#include <memory>
#include <string>
#include <vector>

namespace joist {

class Node;
struct TensorState;
struct Kernels;

class Tensor {
 public:
  /// Undefined.
  Tensor() = default;
  explicit Tensor(Array value, bool requires_grad = false);

  /// A tensor of host values; device and dtype follow the arguments.
  static Tensor from(const std::vector<float>& values, const Shape& shape, bool requires_grad = false);
  static Tensor zeros(const Shape& shape, Dtype dtype = Dtype::float32, Device device = cpu);
  static Tensor full(const Shape& shape, double value, Dtype dtype = Dtype::float32, Device device = cpu);

  bool defined() const noexcept { return state_ != nullptr; }
  const Array& value() const;
  const Shape& shape() const { return value().shape(); }
  std::int64_t shape(int axis) const { return value().shape(axis); }
  int rank() const { return value().rank(); }
  Dtype dtype() const { return value().dtype(); }
  Device device() const { return value().device(); }
  /// The one element as a number. Host only.
  double item() const { return value().item(); }

  bool requires_grad() const noexcept;
  /// Leaves only: throws InternalError on the result of an operation.
  void set_requires_grad(bool wanted) const;

  /// The accumulated gradient; an undefined Array before the first backward() and after clear_gradient().
  Array gradient() const;
  /// Forgets the gradient; the memory stays and the next backward overwrites it.
  void clear_gradient() const;
  /// Where this leaf's gradient shall be written (a slice of a flat buffer). Same shape and dtype as the value.
  void place_gradient(Array memory) const;
  /// Replaces a leaf's memory (moving it into a flat buffer, to another device). Same shape.
  void place_value(Array value) const;

  /// Runs the recorded operations backwards from this tensor. `seed` is d(loss)/d(this); undefined: ones for one
  /// element.
  void backward(const Array& seed = {}) const;

  /// The same value, cut off from what made it.
  Tensor detach() const { return Tensor(value()); }

  /// Identity of the tensor itself (ties, maps).
  const TensorState* state() const noexcept { return state_.get(); }
  const std::shared_ptr<TensorState>& shared_state() const noexcept { return state_; }

 private:
  friend class Recorder;
  std::shared_ptr<TensorState> state_{};
};

/// A trainable field of a model. Copies share memory, like Tensors; clone(model) copies.
class Parameter : public Tensor {
 public:
  Parameter() = default;
  explicit Parameter(Array value) : Tensor(std::move(value), true) {}
};

/// A field of a model that belongs to its state but is not trained: running statistics.
class Buffer : public Tensor {
 public:
  Buffer() = default;
  explicit Buffer(Array value) : Tensor(std::move(value)) {}
};

}  // namespace joist
