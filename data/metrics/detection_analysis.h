// All that an evaluation of a detector tells: numbers with their intervals, the kinds of mistakes, thresholds to work
// with, the worst pictures, and labels to look at again.
#pragma once

#include <joist/data/dataset.h>
#include <joist/data/metrics/bootstrap.h>
#include <joist/data/metrics/coco.h>
#include <joist/data/metrics/detection_errors.h>
#include <joist/data/metrics/doubtful_labels.h>
#include <joist/data/metrics/operating_points.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct AnalysisOptions {
  double confidence = 0.25;                      ///< of the confusion matrix
  std::vector<double> budgets = {0.01, 0.1, 1};  ///< false alarms per picture
  int draws = 1000;                              ///< of the bootstrap
  std::uint64_t seed = 0;
  std::string group = "auto";  ///< see group_names(): each group is measured by itself as well
};

struct DetectionAnalysis {
  CocoTruth truth{};
  std::vector<Detection> detections{};
  CocoResult result{};
  ErrorAnalysis errors{};                   ///< counts at the thresholds of shown_from()
  std::vector<ClassOperation> operation{};  ///< of each class, in the order of result.per_class
  ConfusionMatrix confusion{};
  BootstrapIntervals intervals{};
  std::vector<DoubtfulLabel> doubts{};
  struct Group {
    std::string name{};
    std::int64_t pictures = 0, objects = 0;
    double AP = -1, AP50 = -1;
  };
  std::vector<Group> groups{};  ///< by name; empty where there are fewer than 2
  struct PictureErrors {
    std::size_t sample = 0;
    std::int64_t missed = 0, wrong = 0;  ///< at the thresholds of shown_from()
    double loss = 0;                     ///< missed objects and the scores of wrong detections, summed up
  };
  std::vector<PictureErrors> worst{};  ///< pictures with mistakes, the worst first
  AnalysisOptions options{};

  /// Of a class, by its id.
  std::size_t class_index(std::int64_t category_id) const;
  /// The confidence from which detections of a class are looked at: that of the best F1, or, where no confidence gives
  /// a useful one, 0.25.
  double shown_from(std::size_t class_index) const;
  bool is_shown(std::size_t detection) const;
};

/// Throws DataError like evaluate().
DetectionAnalysis analyse(const Dataset& dataset, std::vector<Detection> detections,
                          const AnalysisOptions& options = {});

/// The twelve COCO numbers and "per_class" as in metrics.json, with "intervals", "errors", "confusion", "thresholds",
/// "curves", "groups", "worst_pictures" and "doubtful_labels".
std::string to_json(const DetectionAnalysis& analysis, const Dataset& dataset);

}  // namespace joist
