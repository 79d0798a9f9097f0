// Any model of the command line, also a user's own, on data as `joist train` reads them.
#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/tools/lab/problems.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/task.h>
#include <joist/tools/training/train.h>
#include <joist/tools/training/training_data.h>

#include <map>

#include <fmt/format.h>

namespace joist::lab {
namespace {

const ModelRegistry*& registry_in_use() {
  static const ModelRegistry* registry = nullptr;
  return registry;
}

const ModelRegistry& registry() {
  static const ModelRegistry built_in;
  return registry_in_use() ? *registry_in_use() : built_in;
}

struct ModelSettings {
  std::string model = "resnet18", data{}, val{};
  std::int64_t size = 0, batch = 16, length = 0;
  bool augment = false;

  OptionTable table(const Choice& choice) {
    return {free_text("model", model, choice),
            free_text("data", data, choice),
            free_text("val", val, choice),
            {"size", size, {.low = 0, .high = 8192, .with_high = true}},
            {"batch", batch, {.low = 1, .high = 65536, .with_high = true}},
            {"length", length, {.low = 0, .high = 4096, .with_high = true}},
            {"augment", augment}};
  }
};

TrainOptions options_for(const ModelSettings& settings, std::uint64_t seed) {
  TrainOptions options{.data = settings.data, .val = settings.val, .model = settings.model};
  options.size = settings.size;
  options.batch = settings.batch;
  options.given.insert("batch");
  options.epochs = 1;
  options.seed = static_cast<std::int64_t>(seed);
  options.loader_threads = 1;
  if (!settings.augment) options.augment.name = "none";
  return resolve(options);
}

// Where nothing is held apart, every fifth picture is.
void hold_apart(TrainingData& data) {
  if (auto* detection = std::get_if<DetectionData>(&data)) {
    if (detection->val) return;
    std::vector<Sample> kept;
    detection->val = detection->train;
    detection->val->samples.clear();
    for (std::size_t i = 0; i < detection->train.samples.size(); ++i)
      (i % 5 == 4 ? detection->val->samples : kept).push_back(std::move(detection->train.samples[i]));
    detection->train.samples = std::move(kept);
    if (detection->val->samples.empty()) detection->val.reset();
    return;
  }
  auto& classification = std::get<ClassificationData>(data);
  if (classification.val || classification.train.set.paths.empty()) return;
  PictureSet &train = classification.train.set, kept = train;
  kept.labels.clear();
  kept.paths.clear();
  ClassifiedPictures val = classification.train;
  val.set = kept;
  for (std::size_t i = 0; i < train.paths.size(); ++i) {
    PictureSet& part = i % 5 == 4 ? val.set : kept;
    part.paths.push_back(train.paths[i]);
    part.labels.push_back(train.labels[i]);
  }
  train = std::move(kept);
  if (!val.set.paths.empty()) classification.val = std::move(val);
}

// Read, checked and announced once per process.
const TrainingData& data_of(const TrainOptions& options, TaskKind task) {
  static std::map<std::string, TrainingData> read;
  const std::string key = fmt::format("{}\n{}\n{}\n{}", options.data, options.val, options.size, name_of(task));
  const auto found = read.find(key);
  if (found != read.end()) return found->second;
  TrainingData data = read_training_data(options, task);
  hold_apart(data);
  return read.emplace(key, std::move(data)).first->second;
}

// The held-apart part as something to learn from, so that its loss can be computed as that of training is.
TrainingData held_apart(const TrainingData& data) {
  if (const auto* detection = std::get_if<DetectionData>(&data)) return DetectionData{.train = *detection->val};
  return ClassificationData{.train = *std::get<ClassificationData>(data).val};
}
bool has_held_apart(const TrainingData& data) {
  return std::visit([](const auto& part) { return part.val.has_value(); }, data);
}

class ModelProblem final : public Problem {
 public:
  ModelProblem(const ModelSettings& settings, TaskKind kind, std::uint64_t seed) : batch_(settings.batch) {
    TrainOptions options = options_for(settings, seed);
    const TrainingData& data = data_of(options, kind);
    judged_apart_ = has_held_apart(data);
    TrainOptions plain = options;
    plain.augment.name = "none";
    judge_ = training_task(judged_apart_ ? held_apart(data) : data, plain, registry());
    task_ = training_task(data, options, registry());  // last: its weights are those of the seed
    fields_ = task_->model().fields();
    score_ = task_->metric_names().front();
  }

  Tensor loss(std::int64_t batch) override {
    if (batch == at_) return task_->repeat().loss;
    if (batch != at_ + 1 || at_ < 0) task_->seek(batch, false);
    at_ = batch;
    return task_->next().loss;
  }
  // The same loss on all batches of the held-apart data, and the task's own score.
  Measure test() override {
    load_weights(judge_->model().fields(), weights_of(fields_), "lab");
    const Inference quiet;
    judge_->seek(0, true);
    double sum = 0;
    const std::int64_t batches = judge_->batches_per_epoch();
    for (std::int64_t i = 0; i < batches; ++i) sum += judge_->next().loss.item();
    Measure measure{.loss = sum / static_cast<double>(batches)};
    if (judged_apart_)
      if (const auto found = task_->evaluate()) measure.accuracy = found->values.front();
    return measure;
  }
  std::int64_t batches() const override { return task_->batches_per_epoch(); }
  std::int64_t batch_size() const override { return batch_; }
  const char* measure() const override { return judged_apart_ ? "test loss" : "training loss"; }
  std::string score() const override { return score_; }

 private:
  std::int64_t batch_;
  bool judged_apart_ = false;
  std::unique_ptr<TrainingTask> task_{}, judge_{};
  std::string score_{};
  std::int64_t at_ = -1;
};

std::unique_ptr<Problem> make(const Choice& choice, std::uint64_t seed) {
  const ModelSettings settings = options_from(ModelSettings{}, choice);
  const ModelEntry& entry = registry().find(settings.model);
  if (settings.data.empty())
    throw UsageError({.where = choice.name,
                      .what = "no data",
                      .expected = "data=PATH: pictures as joist train takes them, or a text for models of sequences"});
  if (entry.task != TaskKind::sequence) return std::make_unique<ModelProblem>(settings, entry.task, seed);
  const std::int64_t length = settings.length > 0 ? settings.length : entry.size;
  return text_problem(settings.data, length, settings.batch, seed, [&](std::int64_t vocabulary) {
    return std::shared_ptr<Model>(entry.make({.classes = vocabulary, .size = length}));
  });
}

}  // namespace

void use_models(const ModelRegistry& models) { registry_in_use() = &models; }

std::vector<ProblemKind> model_problems() {
  return {{.info = {.name = "model",
                    .help = "a model by name, also one of your own program, on pictures as joist train reads them or a "
                            "text (model=yolo_n,data=site.json)",
                    .settings = settings_of(ModelSettings{})},
           .make = make}};
}

}  // namespace joist::lab
