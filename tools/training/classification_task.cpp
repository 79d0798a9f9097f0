#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/augmentation.h>
#include <joist/tools/training/batch_feed.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/recipe.h>

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

/// Mean and deviation of all pixels in [0, 1]; for pictures in files ImageNet's, which models are usually trained with.
void set_normalization(ModelDescription& description, const PictureSet& set) {
  if (set.pixels.empty()) {
    description.mean = {0.485F, 0.456F, 0.406F};
    description.deviation = {0.229F, 0.224F, 0.225F};
    return;
  }
  double sum = 0, squares = 0;
  for (const std::uint8_t pixel : set.pixels) {
    sum += pixel;
    squares += static_cast<double>(pixel) * pixel;
  }
  const double count = static_cast<double>(set.pixels.size()), mean = sum / count;
  const double deviation = std::max(std::sqrt(std::max(squares / count - mean * mean, 0.0)), 1.0);
  description.mean.assign(static_cast<std::size_t>(description.channels), static_cast<float>(mean / 255));
  description.deviation.assign(static_cast<std::size_t>(description.channels), static_cast<float>(deviation / 255));
}

class ClassificationTask final : public TrainingTask {
 public:
  ClassificationTask(ClassificationData data, const TrainOptions& options, const ModelEntry& entry,
                     const BatchPart& part)
      : options_(options), digest_(digest_of(data)), paths_(data.train.set.paths), val_(std::move(data.val)) {
    description_ = {.model = entry.name,
                    .task = TaskKind::classify,
                    .classes = data.train.classes,
                    .size = options.size,
                    .channels = entry.channels};
    for (std::size_t i = 0; i < data.train.classes.size(); ++i)
      description_.class_ids.push_back(static_cast<std::int64_t>(i));
    set_normalization(description_, data.train.set);
    numbers_ = AsNumbers(description_.mean, description_.deviation);
    model_ = entry.make({.classes = static_cast<std::int64_t>(description_.classes.size()), .size = options.size});

    LoaderOptions loading = classifier_loading(description_, options.batch, static_cast<int>(options.loader_threads));
    loading.seed = static_cast<std::uint64_t>(options.seed);
    loading.part = part;
    if (options.device == "cuda") loading.dtype = Dtype::uint8;  // a quarter of the bytes on the way there
    CropOptions crop = classifier_cropping(description_);
    crop.flip_horizontal = static_cast<float>(std::max(options.flip, 0.0));
    std::optional<PipelineOptions> list;
    if (!options.augment.is_default()) list = pipeline_options(options, false);
    const bool in_files = !paths_.empty();
    loader_.emplace(fitted(std::move(data.train.set), description_, data.train.source), loading, crop,
                    in_files || options.flip > 0, list);
  }

  const ModelDescription& description() const override { return description_; }
  Model& model() override { return *model_; }
  std::vector<std::string> loss_names() const override { return {"loss"}; }
  std::vector<std::string> metric_names() const override { return {"top1", "top5"}; }
  std::int64_t batches_per_epoch() const override { return loader_->steps(); }

  void seek(std::int64_t batch, bool) override {
    feed_.drop();
    epoch_ = batch / loader_->steps();
    loader_->start(epoch_, batch % loader_->steps());
  }

  BatchLoss next() override {
    load();
    return repeat();
  }

  BatchLoss repeat() override {
    return classification_batch_loss(*model_, batch_->pictures, batch_->labels,
                                     1.0 / static_cast<double>(accumulated_batches(options_)),
                                     options_.label_smoothing);
  }

  std::int64_t load() override {
    batch_ = feed_.load(model_->device());
    return batch_->whole;
  }
  bool place() override {
    if (model_->device().on_host()) return false;
    for (const auto& [from, to] : {std::pair{&batch_->pictures, &pictures_}, {&batch_->labels, &labels_}}) {
      if (!to->defined() || to->shape() != from->shape() || to->order() != from->order()) *to = Array::like(*from);
      kernels(*from).elementwise.copy(*from, {*to, false});
      to->bump_version();
    }
    return true;
  }
  std::vector<Array> placed() const override { return {pictures_, labels_}; }
  Tensor placed_loss() override { return classification_loss(*model_, pictures_, labels_, options_.label_smoothing); }
  void prefetch() override { feed_.prefetch(model_->device()); }
  std::int64_t loaded() const override { return batch_->size(); }
  PartLoss part_loss(std::int64_t first, std::int64_t last) override {
    const bool all = first == 0 && last == batch_->size();
    return classification_part_loss(*model_, all ? batch_->pictures : batch_->pictures.sliced(0, first, last),
                                    all ? batch_->labels : batch_->labels.sliced(0, first, last),
                                    1.0 / static_cast<double>(accumulated_batches(options_)), options_.label_smoothing);
  }

  std::string last_pictures() const override {
    std::vector<std::string> names;
    for (std::size_t i = 0; batch_ && i < batch_->samples.size(); ++i)
      names.push_back(paths_.empty() ? fmt::format("#{}", batch_->samples[i]) : paths_[batch_->samples[i]]);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  bool can_evaluate() const override { return val_.has_value(); }

  std::optional<Evaluation> evaluate() override {
    const auto forward = [this](const Array& pictures) {
      const Inference inference;
      return model_->classify(Tensor(pictures)).value();
    };
    auto results =
        classify_all(*val_, description_, forward, options_.batch, static_cast<int>(options_.loader_threads));
    if (!results) return std::nullopt;
    Evaluation evaluation = evaluation_of(*results);
    if (!best_results_ || evaluation.values[0] > best_top1_) {
      best_top1_ = evaluation.values[0];
      best_results_ = std::move(results);
    }
    return evaluation;
  }

  std::optional<TaskReport> report(double best_value) override {
    if (!val_) return std::nullopt;
    if (!best_results_ || best_top1_ != best_value) {  // from before the run was gone on with
      best_results_.reset();
      if (!evaluate()) return std::nullopt;
    }
    return TaskReport{[this](Page& page) { add_classification_report(page, *best_results_); }, to_json(*best_results_)};
  }

  std::string data_digest() const override { return digest_; }

 private:
  const PictureBatch* next_loaded() {
    const PictureBatch* batch = loader_->next();
    if (batch) return batch;
    loader_->start(++epoch_);
    return loader_->next();
  }

  TrainOptions options_;
  std::string digest_;
  std::vector<std::string> paths_;
  std::optional<ClassifiedPictures> val_;
  std::unique_ptr<Model> model_{};
  std::optional<PictureLoader> loader_{};
  ModelDescription description_{};
  AsNumbers numbers_{};
  BatchFeed<PictureBatch> feed_{[this] { return next_loaded(); },
                                [this](const PictureBatch& batch) { return numbers_(batch.pictures); }};
  const PictureBatch* batch_ = nullptr;
  Array pictures_{}, labels_{};  // of place()
  std::int64_t epoch_ = 0;       // of the loader
  double best_top1_ = 0;
  std::optional<ClassificationResults> best_results_{};  // with the best weights so far, for the report
};

}  // namespace

Evaluation evaluation_of(const ClassificationResults& results) {
  const std::size_t classes = results.classes.size();
  std::vector<std::int64_t> truths(classes), hits(classes);
  std::int64_t top1 = 0, top5 = 0;
  for (const ClassificationResults::One& one : results.pictures) {
    const auto label = static_cast<std::size_t>(one.label);
    ++truths[label];
    if (results.is_right(one)) ++hits[label], ++top1;
    if (one.in_top5) ++top5;
  }
  const auto all = std::ssize(results.pictures);
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole == 0 ? -1.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  nlohmann::ordered_json json{{"top1", share(top1, all)}, {"top5", share(top5, all)}};
  json["per_class"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < classes; ++i)
    json["per_class"].push_back(
        {{"name", results.classes[i]}, {"top1", share(hits[i], truths[i])}, {"truths", truths[i]}});
  return Evaluation{.values = {share(top1, all), share(top5, all)}, .json = json.dump()};
}

LoaderOptions classifier_loading(const ModelDescription& description, std::int64_t batch, int threads) {
  return {.batch = static_cast<int>(batch), .size = static_cast<int>(description.size), .threads = threads};
}

CropOptions classifier_cropping(const ModelDescription& description) {
  return {.mean = description.mean, .deviation = description.deviation};
}

PictureSet fitted(PictureSet set, const ModelDescription& description, const std::string& where) {
  const bool in_memory = !set.pixels.empty();
  if (in_memory && description.size != 0 && (set.height != description.size || set.width != description.size))
    throw DataError({.where = where,
                     .what = fmt::format("pictures of {}×{} pixels", set.width, set.height),
                     .expected = fmt::format("{0}×{0} for the model {1}", description.size, description.model)});
  if (set.channels == description.channels) return set;
  if (!in_memory || set.channels != 1)
    throw DataError({.where = where,
                     .what = fmt::format("pictures with {} channels", set.channels),
                     .expected = fmt::format("{} for the model {}", description.channels, description.model),
                     .remedy = "another --model"});
  std::vector<std::uint8_t> repeated;
  repeated.reserve(set.pixels.size() * static_cast<std::size_t>(description.channels));
  for (const std::uint8_t pixel : set.pixels)
    repeated.insert(repeated.end(), static_cast<std::size_t>(description.channels), pixel);
  set.pixels = std::move(repeated);
  set.channels = static_cast<int>(description.channels);
  return set;
}

Tensor classification_loss(const Model& model, const Array& pictures, const Array& labels, double label_smoothing) {
  return mean(cross_entropy(model.classify(Tensor(pictures)), on_device(labels, model.device()),
                            {.label_smoothing = label_smoothing}));
}

BatchLoss classification_batch_loss(const Model& model, const Array& pictures, const Array& labels, double weight,
                                    double label_smoothing) {
  const Tensor loss = classification_loss(model, pictures, labels, label_smoothing);
  return {.loss = weight == 1 ? loss : loss * weight, .parts = {loss.item()}};
}

PartLoss classification_part_loss(const Model& model, const Array& pictures, const Array& labels, double weight,
                                  double label_smoothing) {
  const Tensor loss = sum(cross_entropy(model.classify(Tensor(pictures)), on_device(labels, model.device()),
                                        {.label_smoothing = label_smoothing}));
  return {.sum = loss, .count = static_cast<double>(pictures.shape(0)), .weight = weight, .parts = {loss.item()}};
}

std::optional<ClassificationResults> classify_all(const ClassifiedPictures& pictures,
                                                  const ModelDescription& description, const ClassifyForward& forward,
                                                  std::int64_t batch, int threads) {
  PictureLoader loader(fitted(pictures.set, description, pictures.source),
                       in_order(classifier_loading(description, batch, threads)), classifier_cropping(description));
  const std::size_t classes = description.classes.size();
  ClassificationResults results{.classes = description.classes, .paths = pictures.set.paths};
  loader.start(0);
  while (const PictureBatch* one = loader.next()) {
    if (interrupted() != 0) return std::nullopt;
    const Array logits = forward(one->pictures);
    if (logits.rank() != 2 || logits.shape(1) != static_cast<std::int64_t>(classes))
      throw DataError({.where = "evaluation",
                       .what = "the model gives " + logits.shape().text(),
                       .expected = fmt::format("[batch, {}]", classes)});
    const std::vector<float> values = logits.to_vector<float>();
    const std::vector<std::int64_t> labels = one->labels.to_vector<std::int64_t>();
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const auto label = static_cast<std::size_t>(labels[row]);
      const float* scores = values.data() + row * classes;
      std::size_t better = 0, best = label == 0 && classes > 1 ? 1 : 0;  // NaN is never better and never right
      for (std::size_t i = 0; i < classes; ++i) {
        better += i != label && !(scores[i] < scores[label]);
        if (i != label && (best == label || !(scores[i] < scores[best]))) best = i;
      }
      if (better == 0) best = label;
      double sum = 0;
      for (std::size_t i = 0; i < classes; ++i)
        sum += std::exp(static_cast<double>(scores[i]) - static_cast<double>(scores[best]));
      results.pictures.push_back(
          {.picture = one->samples[row],
           .label = labels[row],
           .predicted = static_cast<std::int64_t>(best),
           .in_top5 = better < 5,
           .sure = 1 / sum,
           .truth = std::exp(static_cast<double>(scores[label]) - static_cast<double>(scores[best])) / sum});
    }
  }
  if (results.paths.empty())
    for (const ClassificationResults::One& one : surest_mistakes(results, shown_mistakes))
      results.kept[one.picture] = picture_at(pictures.set, one.picture);
  return results;
}

std::optional<Evaluation> evaluate_classifier(const ClassifiedPictures& pictures, const ModelDescription& description,
                                              const ClassifyForward& forward, std::int64_t batch, int threads) {
  const auto results = classify_all(pictures, description, forward, batch, threads);
  if (!results) return std::nullopt;
  return evaluation_of(*results);
}

std::unique_ptr<TrainingTask> classification_task(ClassificationData data, const TrainOptions& options,
                                                  const ModelEntry& entry, const BatchPart& part) {
  return std::make_unique<ClassificationTask>(std::move(data), options, entry, part);
}

}  // namespace joist
