// Which layer of a model an operation belongs to, seen from outside: models are plain structs that know no names, but
// an operation that reads the parameter "layer1.0.conv1.weight" is part of "layer1.0.conv1".
#pragma once

#include <joist/core/fields.h>
#include <joist/core/gradient.h>

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace joist {

/// "convolution", "Relu" (of one operand), "Add" (of two), a custom operation's own name.
std::string describe(const Operation& operation);

class LayerNames {
 public:
  LayerNames() = default;
  /// All parameters and buffers of a model: fields_of(model).
  explicit LayerNames(const std::vector<Field>& fields);

  /// The layer whose parameters or buffers the operation reads; "" where it reads none.
  const std::string& of(std::span<const Tensor> inputs) const;
  /// "conv1" of an operation that reads conv1's parameters; "after conv1" of one that reads none and follows it in the
  /// order of calls; "" before the first.
  std::string place(std::span<const Tensor> inputs, std::span<const Tensor> outputs);
  /// The place of an operation whose backward runs now; forgets it.
  std::string take_place(const Node& node);

 private:
  std::unordered_map<const TensorState*, std::string> layers_{};
  std::vector<Tensor> kept_{};  // so that no other tensor gets the address of one of them
  std::string last_{};
  std::unordered_map<const Node*, std::string> places_{};  // of operations whose backward has not run
};

}  // namespace joist
