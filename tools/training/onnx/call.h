// One operation of a graph being run: its inputs and attributes, and the table of operators.
#pragma once

#include <joist/core/error.h>
#include <joist/core/formats/archive.h>
#include <joist/core/formats/onnx_graph.h>
#include <joist/core/ops.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace joist::onnx_ops {

using Outputs = std::vector<Tensor>;

class Call {
 public:
  /// Runs a body with these inputs, in the scope of the call.
  using RunBody = std::function<Outputs(const OnnxBody&, const std::vector<Tensor>&)>;

  Call(const OnnxOperation& operation, std::vector<Tensor> inputs, std::int64_t operator_set, const RunBody& run_body)
      : operation_(operation), inputs_(std::move(inputs)), operator_set_(operator_set), run_body_(run_body) {}

  std::int64_t operator_set() const noexcept { return operator_set_; }
  std::size_t inputs() const noexcept { return inputs_.size(); }
  std::size_t outputs() const noexcept { return operation_.outputs.size(); }
  bool wants(std::size_t output) const { return output < outputs() && !operation_.outputs[output].empty(); }
  bool has(std::size_t input) const { return input < inputs_.size() && inputs_[input].defined(); }
  /// Throws DataError when the input is absent.
  const Tensor& operator[](std::size_t input) const;
  /// The input, or an undefined tensor.
  Tensor optional(std::size_t input) const { return has(input) ? inputs_[input] : Tensor(); }
  const std::vector<Tensor>& all() const noexcept { return inputs_; }
  /// The numbers of an integer input: shapes, axes.
  std::vector<std::int64_t> integers(std::size_t input) const;
  std::vector<double> numbers(std::size_t input) const;
  double number(std::size_t input) const;
  /// One whole number: a count, an axis.
  std::int64_t whole(std::size_t input) const;

  bool has(const std::string& attribute) const { return operation_.attributes.contains(attribute); }
  std::int64_t integer(const std::string& attribute, std::int64_t usual) const;
  int axis(const std::string& attribute, std::int64_t usual, int rank) const;
  double real(const std::string& attribute, double usual) const;
  std::string text(const std::string& attribute, const std::string& usual) const;
  std::vector<std::int64_t> list(const std::string& attribute, std::vector<std::int64_t> usual = {}) const;
  std::vector<float> reals(const std::string& attribute) const;
  std::vector<std::string> texts(const std::string& attribute) const;
  const Array* array(const std::string& attribute) const;
  Outputs run(const std::string& body, const std::vector<Tensor>& arguments) const;
  const OnnxBody& body(const std::string& name) const;

  [[noreturn]] void unsupported(const std::string& what) const;
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  template <class T>
  const T* find(const std::string& attribute) const;

  const OnnxOperation& operation_;
  std::vector<Tensor> inputs_;
  std::int64_t operator_set_;
  const RunBody& run_body_;
};

using Operator = std::function<Outputs(const Call&)>;
using Table = std::map<std::string, Operator, std::less<>>;

/// A file per family adds its operators.
void add_elementwise(Table& table);
void add_reductions(Table& table);
void add_shapes(Table& table);
void add_indexing(Table& table);
void add_networks(Table& table);
void add_pooling(Table& table);
void add_recurrent(Table& table);
void add_losses(Table& table);
void add_pictures(Table& table);
void add_control(Table& table);
void add_quantization(Table& table);

/// All of them.
const Table& table();

/// The type that ONNX gives this number. Throws through `call` for those that no Dtype holds.
Dtype dtype_numbered(const Call& call, std::int64_t number);
/// Axes counted from the front.
std::vector<int> axes_of(const Call& call, const std::vector<std::int64_t>& axes, int rank);
Shape shape_of(const Call& call, const std::vector<std::int64_t>& lengths);
/// Integers as an int64 tensor of rank 1.
Tensor integers_tensor(const std::vector<std::int64_t>& values);

}  // namespace joist::onnx_ops
