// Short tests before a training that tell whether it can work.
#pragma once

#include <joist/tools/training/console.h>
#include <joist/tools/training/task.h>

#include <string>
#include <vector>

namespace joist {

struct RatePoint {
  double rate = 0;
  double loss = 0;      ///< of the batch at this rate
  double smoothed = 0;  ///< over the batches so far, without the bias of the start
};

/// The rate to train with: that of the steepest fall of the smoothed loss over log(rate), as in "Cyclical learning
/// rates" (Smith, 2017); 0 where the loss never falls.
double suggested_rate(const std::vector<RatePoint>& points);

/// Trains a hundred steps while the rate rises from 1e-6 to 1, or until the loss is four times its least. Says which
/// rate to take and writes FOLDER/find_rate.json and find_rate.html. Returns 0, or the signal that came.
int find_learning_rate(const TrainOptions& options, TrainingTask& task, Console& console, const std::string& folder);

/// Trains on one batch alone, up to 200 steps. Says whether the loss fell to a tenth (classes) or a third (boxes, whose
/// loss does not reach 0), and writes FOLDER/overfit.json. Returns 0, or the signal that came; throws DataError where
/// it did not: then labels and pictures do not fit together, or the rate is wrong.
int overfit_one_batch(const TrainOptions& options, TrainingTask& task, Console& console, const std::string& folder);

}  // namespace joist
