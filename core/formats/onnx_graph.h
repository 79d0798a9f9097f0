// ONNX models and values read as plain data. Knows no operation.
#pragma once

#include <joist/core/formats/archive.h>
#include <joist/core/formats/input.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace joist {

struct OnnxBody;
using OnnxParameter = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                                   std::vector<std::string>, Array, std::shared_ptr<const OnnxBody>>;

struct OnnxOperation {
  std::string op{}, domain{}, name{};
  std::vector<std::string> inputs{}, outputs{};  ///< an empty name is an absent optional one
  std::map<std::string, OnnxParameter> attributes{};
};

/// A graph, or the body of a loop or branch.
struct OnnxBody {
  std::vector<std::string> inputs{}, outputs{};
  std::vector<NamedArray> initializers{};
  std::vector<OnnxOperation> operations{};
};

struct OnnxModel {
  OnnxBody graph{};                                     ///< its inputs are those that no initializer gives
  std::map<std::string, std::int64_t> operator_sets{};  ///< by domain; "" is ONNX's own
  std::map<std::string, std::string> metadata{};
  std::map<std::string, std::vector<std::int64_t>> input_shapes{};  ///< as far as known; -1 where a length is free
};

/// Throws DataError for damage, UnsupportedError naming the value for element types without a Dtype (16-bit and wide
/// unsigned integers, text, 8-bit floats), sparse values, and functions defined in the model. Values in other files are
/// read only from below `folder`.
OnnxModel read_onnx_model(const Input& input, const std::filesystem::path& folder);

/// One value as a file of its own (a TensorProto). The same errors.
NamedArray read_onnx_value(const Input& input);

}  // namespace joist
