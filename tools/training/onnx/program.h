// ONNX graphs run by joist's own operations, so that they have gradients.
#pragma once

#include <joist/core/formats/onnx_graph.h>
#include <joist/core/tensor.h>

#include <map>
#include <string>
#include <vector>

namespace joist {

/// A model of which every operator is known. Operator sets 7 to 21 of ONNX's own domain, and 6
/// but for its broadcasting by an axis and its batch statistics.
class OnnxProgram {
 public:
  /// Throws UnsupportedError naming every operator of the graph that is not in the table.
  explicit OnnxProgram(OnnxModel model, std::string where = "ONNX");

  const OnnxModel& model() const noexcept { return model_; }
  const std::vector<std::string>& inputs() const noexcept { return model_.graph.inputs; }
  const std::vector<std::string>& outputs() const noexcept { return model_.graph.outputs; }
  /// The initializers; floating ones require gradients.
  const std::map<std::string, Tensor>& initializers() const noexcept { return initializers_; }

  /// The outputs by name. Throws DataError for an input that is missing or whose shape does not fit, UnsupportedError
  /// for options of operators that joist does not have.
  std::map<std::string, Tensor> run(const std::map<std::string, Tensor>& inputs) const;

 private:
  OnnxModel model_;
  std::string where_;
  std::map<std::string, Tensor> initializers_{};
};

}  // namespace joist
