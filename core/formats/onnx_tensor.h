// Tensors of ONNX as arrays. Included by .cpp files only.
#pragma once

#include <joist/core/array.h>
#include <joist/core/formats/elements.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace onnx {
class TensorProto;
}

namespace joist {

/// What Element ONNX's number of an element type is; nothing for text, complex and sub-byte types.
std::optional<Element> onnx_element(int type);
/// "float8e4m3fn" for messages.
std::string onnx_type_name(int type);

/// A tensor that was checked and whose values are read later. `where` names the file.
struct OnnxTensor {
  Shape shape{};
  Element element = Element::float32;
  std::function<Array()> load{};
};
/// `tensor` must live as long as the result is used. Nothing for element types without a Dtype, or more than 8 axes.
std::optional<OnnxTensor> read_onnx_tensor(const onnx::TensorProto& tensor, const std::string& where,
                                           const std::filesystem::path& folder);

}  // namespace joist
