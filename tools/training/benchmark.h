// How fast a model trains here: whole steps on made-up input, without loading, averaging or evaluation.
#pragma once

#include <joist/tools/training/model.h>

#include <cstdint>
#include <string>

namespace joist {

struct TrainBenchmarkOptions {
  std::string model{};
  std::int64_t batch = 16;
  std::int64_t size = 0;     ///< side of the input; 0: the model's own, else 320 (detectors) or 224
  std::int64_t steps = 10;   ///< measured, after 3 that are not
  std::string profile{};     ///< write a Chrome trace of one more step here
  std::int64_t classes = 0;  ///< 0: 80 (detectors), 10 (28 × 28 pictures) or 1000
};

struct TrainBenchmark {
  double samples_per_second = 0;  ///< by the median step
  double step_ms_median = 0;
  double step_ms_fastest = 0;
  std::int64_t peak_rss_bytes = 0;  ///< of the process so far
  std::int64_t parameters = 0;
};

/// Forward, loss, backward and SGD with momentum; detectors get 8 boxes per picture. Throws UsageError for names and
/// sizes.
TrainBenchmark benchmark_training(const TrainBenchmarkOptions& options, const ModelRegistry& registry);

}  // namespace joist
