// A task that needs no data: a small network with every kind of state (convolution, batch norm, dropout) learns made-up
// classes.
#pragma once

#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/tools/training/task.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>

#include <unistd.h>

namespace joist::testing {

struct TinyNetwork {
  Conv2d conv{{.in = 1, .out = 4, .bias = false}};
  BatchNorm2d bn{{.channels = 4, .activation = Relu{}}};
  Linear fc{{.in = 4 * 6 * 6, .out = 3}};
  Tensor operator()(const Tensor& x) const {
    Tensor y = flatten(bn(conv(x)));
    if (training()) y = dropout(y, 0.2, next_random_key(Stream::dropout));
    return fc(y);
  }
};

class TinyTask final : public TrainingTask {
 public:
  static constexpr std::int64_t batch = 4;

  explicit TinyTask(std::int64_t batches = 3, bool evaluates = true) : batches_(batches), evaluates_(evaluates) {
    manual_seed(7);
    model_ = joist::model<TinyNetwork>("tiny", 1, 6).make({.classes = 3});
    description_ = {.model = "tiny", .classes = {"a", "b", "c"}, .class_ids = {0, 1, 2}, .size = 6, .channels = 1};
  }

  /// Called before each batch with its number; may send signals.
  std::function<void(std::int64_t)> before_batch = [](std::int64_t) {};
  /// Batches whose loss is not a number.
  std::function<bool(std::int64_t)> is_broken = [](std::int64_t) { return false; };
  std::function<bool()> interrupts_evaluation = [] { return false; };
  std::vector<std::int64_t> closing_batches{};
  int evaluations = 0;

  const ModelDescription& description() const override { return description_; }
  Model& model() override { return *model_; }
  std::vector<std::string> loss_names() const override { return {"loss"}; }
  std::vector<std::string> metric_names() const override { return {"score"}; }
  std::int64_t batches_per_epoch() const override { return batches_; }
  void seek(std::int64_t number, bool closing) override {
    next_ = number;
    closing_ = closing;
  }
  BatchLoss next() override {
    const std::int64_t number = next_++;
    before_batch(number);
    if (closing_) closing_batches.push_back(number);
    return loss_of(number);
  }
  BatchLoss repeat() override { return loss_of(next_ - 1); }
  std::string last_pictures() const override { return "batch " + std::to_string(next_ - 1); }
  bool can_evaluate() const override { return evaluates_; }
  std::optional<Evaluation> evaluate() override {
    if (interrupts_evaluation()) return std::nullopt;
    ++evaluations;
    const Inference inference;
    const Array pictures = Array::empty({batch, 1, 6, 6});
    kernels(cpu).random.normal({.seed = 5, .stream = Stream::test}, 0, 1, pictures);
    const double score = sum(model_->classify(Tensor(pictures))).item();
    return Evaluation{.values = {score}, .json = "{\"score\": 1}"};
  }
  std::string data_digest() const override { return "made up"; }

 private:
  BatchLoss loss_of(std::int64_t number) {
    const auto draw = static_cast<std::uint32_t>(number);
    const Array pictures = Array::empty({batch, 1, 6, 6});
    kernels(cpu).random.normal({.seed = 3, .stream = Stream::test, .draw = draw}, 0, closing_ ? 0.5 : 1, pictures);
    Random random({.seed = 4, .stream = Stream::test, .draw = draw});
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < batch; ++i) labels.push_back(static_cast<std::int64_t>(random.below(3)));
    Tensor loss = mean(cross_entropy(model_->classify(Tensor(pictures)), Array::from(labels, {batch})));
    if (is_broken(number)) loss = loss * std::numeric_limits<double>::quiet_NaN();
    return {.loss = loss, .parts = {loss.item()}};
  }

  std::int64_t batches_;
  bool evaluates_;
  std::unique_ptr<Model> model_;
  ModelDescription description_{};
  std::int64_t next_ = 0;
  bool closing_ = false;
};

/// A folder that is gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where there is such a folder: these tests save hundreds of times, and each save waits for the disk.
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = std::filesystem::is_directory(memory) && ::access(memory.c_str(), W_OK) == 0;
    std::string pattern = ((usable ? memory : std::filesystem::temp_directory_path()) / "joist_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace joist::testing
