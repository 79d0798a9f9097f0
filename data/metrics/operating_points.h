// Which confidence to ask for: precision, recall and F1 over the threshold, the threshold of the best F1, and the one
// that keeps false alarms within a budget. At IoU 0.5, as analyse_errors() judges.
#pragma once

#include <joist/data/metrics/detection_errors.h>

#include <vector>

namespace joist {

/// What a class gives when detections below `threshold` are not shown.
struct OperatingPoint {
  double threshold = 1;
  double precision = -1;                ///< -1: nothing is shown
  double recall = -1;                   ///< -1: no objects
  double f1 = -1;                       ///< -1: neither
  double false_alarms_per_picture = 0;  ///< detections that are wrong, duplicates too
  double budget = -1;                   ///< that was asked for; -1: none was
};

struct ClassOperation {
  std::vector<double> recall{}, precision{}, f1{};  ///< at the thresholds 0, 0.01, …, 1; -1 where there is none
  OperatingPoint best{};                            ///< of the highest F1
  /// For each budget the lowest threshold that keeps it: false alarms per picture at most that many.
  std::vector<OperatingPoint> budgets{};
};

/// One per class, in the order of the ids. `errors` of the same truth and detections.
std::vector<ClassOperation> operating_points(const CocoTruth& truth, const std::vector<Detection>& detections,
                                             const ErrorAnalysis& errors, const std::vector<double>& budgets);

}  // namespace joist
