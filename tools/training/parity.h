// Whether an exported model gives what its source gives, on real pictures.
#pragma once

#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/exported_model.h>

#include <cstdint>
#include <optional>
#include <string>

namespace joist {

struct ParityOptions {
  std::string data{};           ///< annotated pictures, or pictures alone: then there is no AP to compare
  std::int64_t pictures = 200;  ///< at most, spread over the set
  double tolerance = 1e-3;      ///< of probabilities (of the logits of classifiers, relative), and of AP
  double box_tolerance = 0.05;  ///< pixels of the input
};

struct Parity {
  std::int64_t pictures = 0;
  double score_difference = 0;  ///< largest |Δ| of probabilities; of classifiers: of logits, over the largest logit
  double box_difference = 0;    ///< largest |Δ| of box corners, pixels of the input
  /// Mean AP, AP50 and those of each class (or top-1) that changed most; nothing without labels.
  std::optional<double> metric_source{}, metric_export{};
  double metric_change = 0;  ///< the largest of all
  bool passed = false;
};

/// Nothing when a signal came. Throws DataError for data that cannot be used.
std::optional<Parity> compare_with_source(const Model& model, const ModelDescription& description,
                                          const ExportedModel& exported, const ParityOptions& options);

std::string to_json(const Parity& parity);

}  // namespace joist
