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

/// Trains on one batch alone, up to 300 steps. Says whether it was learnt by heart: a classifier's loss fell to a
/// tenth, a detector's boxes overlap their objects by more than 0.5, as AP50 asks. Writes FOLDER/overfit.json. Returns
/// 0, or the signal that came; throws DataError where it was not: then labels and pictures do not fit together, or the
/// rate is wrong.
int overfit_one_batch(const TrainOptions& options, TrainingTask& task, Console& console, const std::string& folder);

}  // namespace joist
