// A whole training run, from options to a folder of results.
#pragma once

#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/training_data.h>

#include <chrono>
#include <memory>

namespace joist {

/// Reads and checks everything first, then trains and writes to `options.out`. Returns 0, or the signal after which
/// everything was saved. Throws UsageError, DataError or EnvironmentError; what those find before training starts
/// leaves nothing behind.
int train(TrainOptions options, const ModelRegistry& registry,
          std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now());

/// The model that `options` (resolved, see resolve()) name, with initial weights by their seed, and its batches; what
/// they leave open is filled in. Throws UsageError.
std::unique_ptr<TrainingTask> training_task(TrainingData data, TrainOptions& options, const ModelRegistry& registry);

}  // namespace joist
