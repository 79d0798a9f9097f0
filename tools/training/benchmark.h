// How fast a model trains here: whole steps on one batch, without loading, averaging or evaluation.
#pragma once

#include <joist/tools/training/model.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct TrainBenchmarkOptions {
  std::string model{};
  std::int64_t batch = 0;    ///< 0: what `inputs` holds, or 16
  std::int64_t size = 0;     ///< side of the pictures or length of the sequences; 0: the model's own, else 320 or 224
  std::int64_t steps = 10;   ///< measured, after 3 that are not
  std::string profile{};     ///< write a Chrome trace of one more step here
  std::int64_t classes = 0;  ///< 0: 80 (detectors), 10 (28 × 28 pictures), 1000, or a sequence model's usual tokens
  double lr = 0;             ///< 0: 0.01 (SGD) or 0.001 (AdamW)
  bool random_drops = true;  ///< dropout and stochastic depth where the model has them
  Device device{};
  bool predict_memory = false;  ///< foresee the peak, see step_memory
  bool bfloat16 = false;        ///< products under Autocast
  bool capture = false;         ///< steps as graphs of the GPU, see captured_step.h
  std::string weights{};        ///< HDF5 file with all fields of the model, under their names; "": by a fixed seed
  std::string inputs{};         ///< HDF5 file with the batch, see BenchmarkBatch::read; "": made up
};

struct TrainBenchmark {
  std::int64_t batch = 0, size = 0;  ///< as they were
  std::int64_t parameters = 0;
  double samples_per_second = 0;  ///< by the median step
  double first_step_ms = 0;       ///< the very first, which also plans and takes memory
  std::vector<double> step_ms{};  ///< in order, of the measured steps
  double step_ms_median = 0, step_ms_fastest = 0, step_ms_p90 = 0;
  std::vector<double> losses{};           ///< before each of the first 5 steps
  std::int64_t peak_rss_bytes = 0;        ///< of the process so far
  std::int64_t peak_bytes = 0;            ///< of the arrays on the device; graphs have as much again of their own
  std::int64_t replayed_steps = 0;        ///< with capture: all but the first two, which it needs
  std::string why_not_captured{};         ///< with capture: why steps were not recorded; "": they were
  std::int64_t predicted_peak_bytes = 0;  ///< the same as foreseen, where asked for
  std::int64_t forward_flops = 0;  ///< of the products and convolutions of a step's forward pass, 2 per multiply-add
};

/// Forward, loss, backward and optimizer, by one rate for all parameters and as torch.optim has it: for classifiers SGD
/// with momentum 0.9 and weight decay 1e-4, for detectors SGD with Nesterov momentum 0.937 and weight decay 5e-4, for
/// sequence models AdamW with weight decay 0.01. The loss is the mean cross entropy; of detectors, whose pictures have
/// 8 boxes each, the mean over the targets times the batch. Throws UsageError for names and sizes, DataError for files.
TrainBenchmark benchmark_training(const TrainBenchmarkOptions& options, const ModelRegistry& registry);

}  // namespace joist
