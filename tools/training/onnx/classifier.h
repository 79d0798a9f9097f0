// An ONNX graph as a model that learns.
#pragma once

#include <joist/tools/training/model.h>

#include <string>
#include <vector>

namespace joist {

/// A classifier in a file, for --model some.onnx: one input of pictures [batch, channels, height, width], one output of
/// logits [batch, classes]. Its fields are the graph's initializers of floating type, which begin as they are in the
/// file, named as there with '.' for '/'. Those that a layer learns (weights, biases, scales) are parameters;
/// statistics of batch normalization and constants of the graph are buffers and stay. With another number of classes
/// the last linear layer begins anew, by manual_seed().
///
/// Throws DataError for a damaged file, UnsupportedError for graphs of another kind: several inputs or outputs, a
/// number of pictures that is fixed, probabilities instead of logits, operators that joist does not have. The entry
/// lives as long as the process and stands for the file as it was at first.
const ModelEntry& onnx_classifier(const std::string& path);

/// What who trains it with that many classes should know, a line each: that its head begins anew, and that batch
/// normalization keeps the file's statistics. Throws as above.
std::vector<std::string> onnx_training_notes(const std::string& path, std::int64_t classes);

}  // namespace joist
