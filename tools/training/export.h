// ONNX export: a forward pass is run once and the operations it records become the graph.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/formats/onnx.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace joist {

struct NamedTensor {
  std::string name{};
  Tensor tensor{};
};

/// Runs `forward` on `input` in inference mode and returns the graph from the input to the returned tensors. Parameters
/// and buffers in `state` keep their names; other constants are numbered. Shapes are those of this run: the batch is
/// fixed. Throws UnsupportedError naming the operation that ONNX has no counterpart for.
OnnxGraph trace_onnx(const NamedTensor& input, const std::vector<Field>& state,
                     const std::function<std::vector<NamedTensor>(const Tensor&)>& forward);

}  // namespace joist
