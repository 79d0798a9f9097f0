// What the trainer needs of a kind of learning: batches with a loss, and an evaluation.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/training/checkpoint.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace joist {

struct BatchLoss {
  Tensor loss{};                ///< one element; backward starts here
  std::vector<double> parts{};  ///< as TrainingTask::loss_names()
  std::int64_t objects = 0;     ///< of detectors: in the batch,
  std::int64_t positives = 0;   ///< places that learn one of them, and
  double overlap = 0;           ///< their mean overlap with it
};

struct Evaluation {
  std::vector<double> values{};  ///< as TrainingTask::metric_names()
  std::string json{};            ///< all of it, an object
};

/// A picture that shows what the model does.
struct TaskExample {
  Picture picture{};
  std::string caption{};
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;
  virtual const ModelDescription& description() const = 0;
  virtual Model& model() = 0;
  /// Columns of the log.
  virtual std::vector<std::string> loss_names() const = 0;
  virtual std::vector<std::string> metric_names()
      const = 0;  ///< the first decides which weights are best: more is better
  virtual std::int64_t batches_per_epoch() const = 0;
  /// Goes to a batch, counted over all epochs. `closing`: the last part of the run, which sees pictures as they are.
  virtual void seek(std::int64_t batch, bool closing) = 0;
  /// Forward pass and loss of the next batch. Depends on the options, the number of the batch and the weights only.
  virtual BatchLoss next() = 0;
  /// The last batch once more, with the weights as they are now.
  virtual BatchLoss repeat() = 0;
  /// Which pictures the last batch held, for messages.
  virtual std::string last_pictures() const = 0;
  /// What went wrong since the last call without ending the run, a line each; asked for after each epoch.
  virtual std::vector<std::string> warnings() { return {}; }
  virtual bool can_evaluate() const = 0;
  /// In inference mode with the model's weights as they are. Nothing when a signal came.
  virtual std::optional<Evaluation> evaluate() = 0;
  /// A few pictures of the evaluation data with what the model finds, for the report.
  virtual std::vector<TaskExample> examples() { return {}; }
  /// What may be wrong with the data where nothing is found after a while, a line each.
  virtual std::vector<std::string> suspicions() const { return {}; }
  /// At the end, with the best weights in the model: writes what others read of it. Returns lines that say so.
  virtual std::vector<std::string> finish(const std::filesystem::path&) { return {}; }
  /// Of the lists of pictures and labels.
  virtual std::string data_digest() const = 0;
};

}  // namespace joist
