// A model that joist exported as ONNX, run by joist's own operations.
#pragma once

#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/onnx/program.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace joist {

class ExportedModel {
 public:
  /// Throws DataError for a file that is no ONNX graph or does not say how it wants to be fed, as those of
  /// export_model() do; UnsupportedError for operators that joist does not have.
  static ExportedModel file(const std::string& path);
  static ExportedModel memory(const std::string& where, std::vector<std::byte> bytes);

  const ModelDescription& description() const noexcept { return description_; }
  /// Pictures per call; 0: any number.
  std::int64_t batch() const noexcept { return batch_; }
  bool has_detections() const;
  /// Pictures [n, channel, height, width], any n (a graph for a fixed number is run several times) -> "boxes" or
  /// "logits", [n, …].
  Array run(const Array& pictures) const;
  /// "detections" of as many pictures as the graph takes.
  Array detections(const Array& pictures) const;

 private:
  ExportedModel(const OnnxModel& model, const std::string& where);

  ModelDescription description_{};
  std::int64_t batch_ = 0;
  std::string input_{}, output_{};
  std::shared_ptr<const OnnxProgram> program_{};
};

}  // namespace joist
