// A trained model on labelled data.
#pragma once

#include <joist/data/metrics/detection_analysis.h>
#include <joist/tools/training/model.h>

#include <cstdint>
#include <string>

namespace joist {

struct EvaluateOptions {
  std::string model{};  ///< a checkpoint, or an ONNX file that joist exported
  std::string data{};
  std::int64_t batch = 16;
  std::int64_t threads = 0;
  Device device{};              ///< exported files are computed on the CPU
  std::string labels = "fail";  ///< as TrainOptions::labels
  bool mirror = false;          ///< detectors look at the mirror image too
  bool with_report = false;     ///< a page with pictures as well
  AnalysisOptions analysis{};
};

struct EvaluateResult {
  int signal = 0;      ///< that came before the end: nothing else is set
  std::string text{};  ///< for people
  std::string json{};
  std::string html{};  ///< the page, if it was asked for
};

/// Classes are matched by name. Throws DataError for files that cannot be used and for classes that the model does not
/// know.
EvaluateResult evaluate_model(const EvaluateOptions& options, const ModelRegistry& registry);

}  // namespace joist
