// ONNX files: the values of their initializers. The graph is onnx_graph's business.
#pragma once

#include <joist/core/formats/stored.h>

#include <filesystem>

namespace joist {

/// The initializers of the graph, and the values of its Constant nodes under the names of their outputs. Values in
/// other files are read only from below `folder`, the model's own, and never through links. Throws DataError for values
/// that do not fit their shape, both raw and typed, or outside their file; UnsupportedError for segments.
StoredArchive open_onnx(const Input& input, const std::filesystem::path& folder);

}  // namespace joist
