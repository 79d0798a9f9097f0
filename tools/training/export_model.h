// A trained model as an ONNX graph that says how to feed it and how to read it.
#pragma once

#include <joist/core/formats/onnx.h>
#include <joist/layers/detection/suppress.h>
#include <joist/tools/training/checkpoint.h>

namespace joist {

struct ExportOptions {
  std::int64_t batch = 1;  ///< 0: any number of pictures
  /// Detectors choose the boxes themselves: an output "detections" [found, 7] before "boxes", each row the number of
  /// the picture, x1, y1, x2, y2, score, class; by picture and class, best first.
  bool suppress = false;
  SuppressOptions thresholds{};
};

/// Input "images" [batch, channels, size, size] in [0, 1] (classifiers: normalized inside the graph); output of a
/// detector "boxes" [batch, 4 + classes, anchor] (x1, y1, x2, y2 in input pixels, then class probabilities), of a
/// classifier "logits". The metadata describes preparation, output and suppression for programs. Throws
/// UnsupportedError for an operation that ONNX has no node for, or that fixes the batch where it shall be free.
OnnxGraph export_model(const Model& model, const std::vector<Field>& fields, const ModelDescription& description,
                       const ExportOptions& options = {});

}  // namespace joist
