// A task that does as another one, but for what a test does before a batch.
#pragma once

#include <joist/tools/training/task.h>

#include <memory>
#include <utility>

namespace joist::testing {

class ForwardingTask : public TrainingTask {
 public:
  explicit ForwardingTask(std::unique_ptr<TrainingTask> task) : task_(std::move(task)) {}
  const ModelDescription& description() const override { return task_->description(); }
  Model& model() override { return task_->model(); }
  std::vector<std::string> loss_names() const override { return task_->loss_names(); }
  std::vector<std::string> metric_names() const override { return task_->metric_names(); }
  std::int64_t batches_per_epoch() const override { return task_->batches_per_epoch(); }
  void seek(std::int64_t batch, bool closing) override {
    batch_ = batch;
    task_->seek(batch, closing);
  }
  BatchLoss next() override { return before_batch(batch_++), task_->next(); }
  BatchLoss repeat() override { return task_->repeat(); }
  std::int64_t load() override { return before_batch(batch_++), task_->load(); }
  std::int64_t loaded() const override { return task_->loaded(); }
  PartLoss part_loss(std::int64_t first, std::int64_t last) override { return task_->part_loss(first, last); }
  void prefetch() override { task_->prefetch(); }
  bool counts_pictures() const override { return task_->counts_pictures(); }
  std::string last_pictures() const override { return task_->last_pictures(); }
  bool can_evaluate() const override { return task_->can_evaluate(); }
  std::optional<Evaluation> evaluate() override { return task_->evaluate(); }
  std::string data_digest() const override { return task_->data_digest(); }

 protected:
  /// The number of the batch, counted over all epochs.
  virtual void before_batch(std::int64_t batch) = 0;

 private:
  std::unique_ptr<TrainingTask> task_;
  std::int64_t batch_ = 0;
};

}  // namespace joist::testing
