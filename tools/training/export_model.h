// A trained model as an ONNX graph that says how to feed it and how to read it.
#pragma once

#include <joist/core/formats/onnx.h>
#include <joist/tools/training/checkpoint.h>

namespace joist {

/// Input "images" [batch, channels, size, size] in [0, 1] (classifiers: normalized inside the graph); output of a
/// detector "boxes" [batch, 4 + classes, anchor] (x1, y1, x2, y2 in input pixels, then class probabilities), of a
/// classifier "logits". The metadata describes preparation, output and suppression for programs.
OnnxGraph export_model(const Model& model, const std::vector<Field>& fields, const ModelDescription& description,
                       std::int64_t batch);

}  // namespace joist
