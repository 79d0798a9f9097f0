// One recorded operation as ONNX nodes.
#pragma once

#include <joist/core/formats/onnx.h>
#include <joist/core/operation.h>
#include <joist/core/tensor.h>

#include <span>
#include <string>
#include <vector>

namespace joist {

/// A graph under construction.
struct OnnxBuilder {
  OnnxGraph graph{};
  int names = 0;

  std::string fresh() { return "t" + std::to_string(names++); }
  /// Adds an initializer and returns its name.
  std::string constant(const Array& value);
  std::string constant(const std::vector<std::int64_t>& values);
  std::string scalar(double value);
  void add(const std::string& op, std::vector<std::string> inputs, std::vector<std::string> outputs,
           std::map<std::string, OnnxAttribute> attributes = {}) {
    graph.nodes.push_back({op, std::move(inputs), std::move(outputs), std::move(attributes)});
  }
  /// Adds a node with one output and returns its name.
  std::string then(const std::string& op, std::vector<std::string> inputs,
                   std::map<std::string, OnnxAttribute> attributes = {}) {
    const std::string name = fresh();
    add(op, std::move(inputs), {name}, std::move(attributes));
    return name;
  }
};

/// Throws UnsupportedError naming the operation.
void add_nodes(OnnxBuilder& builder, const Operation& operation, std::span<const Tensor> inputs,
               const std::vector<std::string>& from, std::span<const Tensor> outputs,
               const std::vector<std::string>& to);

}  // namespace joist
