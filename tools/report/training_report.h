// The page of a training run: curves, metrics, predictions beside the truth, configuration.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/page.h>

#include <functional>
#include <string>
#include <vector>

namespace joist {

/// What a run left behind, in the form in which it was written.
struct TrainingReport {
  std::string title{};
  std::string summary{};       ///< a sentence or two: model, data, how long
  std::string log_csv{};       ///< log.csv: columns *_loss, metrics, lr, …, a row per epoch
  std::string metrics_json{};  ///< metrics.json of the best weights; may be empty
  std::string config_toml{};
  struct Example {
    Picture picture{};
    std::string caption{};
  };
  std::vector<Example> examples{};
  std::function<void(Page&)> evaluation{};  ///< more about the result, after its numbers
};

/// A self-contained HTML page. Columns that the log lacks are left out.
std::string training_report(const TrainingReport& run);

}  // namespace joist
