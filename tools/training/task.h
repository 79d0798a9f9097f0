// What the trainer needs of a kind of learning: batches with a loss, and an evaluation.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/page.h>
#include <joist/tools/training/checkpoint.h>

#include <cstdint>
#include <filesystem>
#include <functional>
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

/// The loss of some pictures of a batch that several ranks or micro-shards share. Everything is a sum, so that parts
/// add up to the whole whatever their size: the loss of the batch is the sum of all `sum`, times `weight`, divided by
/// the sum of all `count`, at least 1.
struct PartLoss {
  Tensor sum{};                 ///< one element; backward starts here
  double count = 0;             ///< what losses are divided by: pictures, or what was assigned
  double weight = 1;            ///< of the batch within its step; the same for all parts
  std::vector<double> parts{};  ///< as TrainingTask::loss_names(), before division
  std::int64_t objects = 0, positives = 0;
  double overlap = 0;  ///< summed over the positives
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

/// What an evaluation tells beside its numbers.
struct TaskReport {
  std::function<void(Page&)> add{};  ///< its sections of a page
  std::string json{};
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
  // The same in parts, for several ranks. A task that knows no parts trains in one process only.
  /// Gets this rank's part of the next batch, which loaders were told by BatchPart; returns the pictures of the whole.
  virtual std::int64_t load();
  /// Pictures of that batch that are here.
  virtual std::int64_t loaded() const { return 0; }
  /// Forward pass and loss of pictures [first, last) of those, which may be none. Operations are the same for any
  /// number of pictures, so that all ranks go through the same normalizations.
  virtual PartLoss part_loss(std::int64_t first, std::int64_t last);
  /// Whether PartLoss::count is the number of pictures, so that it is known before the forward pass.
  virtual bool counts_pictures() const { return true; }
  /// After backward of a batch has been given to the device: the next batch may be brought there now.
  virtual void prefetch() {}
  // For steps that are recorded once and done again and again (CapturedStep).
  /// Copies the batch of the last load() to where placed_loss() finds it. False where this task, or this batch, cannot.
  virtual bool place() { return false; }
  /// The arrays that it was copied to: the same ones for every batch of one shape.
  virtual std::vector<Array> placed() const { return {}; }
  /// The loss that repeat() gives; the device is asked for nothing.
  virtual Tensor placed_loss() { return {}; }
  /// What repeat() tells of that loss, which the device has computed; `loss` is on the host.
  virtual BatchLoss placed_result(const Tensor& loss) const { return {.loss = loss, .parts = {loss.item()}}; }
  /// Which pictures the last batch held, for messages.
  virtual std::string last_pictures() const = 0;
  /// What went wrong since the last call without ending the run, a line each; asked for after each epoch.
  virtual std::vector<std::string> warnings() { return {}; }
  virtual bool can_evaluate() const = 0;
  /// In inference mode with the model's weights as they are. Nothing when a signal came.
  virtual std::optional<Evaluation> evaluate() = 0;
  /// A few pictures of the evaluation data with what the model finds, for the report.
  virtual std::vector<TaskExample> examples() { return {}; }
  /// The evaluation with the weights as they are, which gave `best_value` as the first metric when they were kept: in
  /// full, as far as this kind of task has more to say. Nothing also when a signal came.
  virtual std::optional<TaskReport> report(double /*best_value*/) { return std::nullopt; }
  /// What may be wrong with the data where nothing is found after a while, a line each.
  virtual std::vector<std::string> suspicions() const { return {}; }
  /// At the end, with the best weights in the model: writes what others read of it. Returns lines that say so.
  virtual std::vector<std::string> finish(const std::filesystem::path&) { return {}; }
  /// Of the lists of pictures and labels.
  virtual std::string data_digest() const = 0;
};

}  // namespace joist
