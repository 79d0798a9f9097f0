// ONNX files: a graph as plain data, written as the protobuf bytes that runtimes read. Knows no models and no
// operations of ours.
#pragma once

#include <joist/core/formats/archive.h>

#include <cstddef>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace joist {

using OnnxAttribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>>;

struct OnnxNode {
  std::string op{};                   ///< "Conv", "Relu", … of the default operator set
  std::vector<std::string> inputs{};  ///< an empty name is an absent optional input
  std::vector<std::string> outputs{};
  std::map<std::string, OnnxAttribute> attributes{};
};

struct OnnxValue {
  std::string name{};
  Dtype dtype = Dtype::float32;
  Shape shape{};
  std::vector<std::string> free{};  ///< names of axes whose length is free, "" for the others; empty: none is
};

struct OnnxGraph {
  std::string name = "joist";
  std::string description{};
  std::int64_t operator_set = 14;
  std::vector<OnnxValue> inputs{}, outputs{};
  std::vector<NamedArray> initializers{};
  std::vector<OnnxNode> nodes{};
  std::map<std::string, std::string> metadata{};  ///< how to prepare pictures and read the outputs, for programs
};

/// The bytes of an .onnx file. Throws UnsupportedError above protobuf's 2 GiB.
std::vector<std::byte> onnx_bytes(const OnnxGraph& graph);

}  // namespace joist
