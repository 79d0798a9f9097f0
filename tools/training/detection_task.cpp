#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/picture_change.h>
#include <joist/data/decode.h>
#include <joist/tools/report/detection_report.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/training/augmentation.h>
#include <joist/tools/training/balance.h>
#include <joist/tools/training/batch_feed.h>
#include <joist/tools/training/detection_evaluation.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/padded_detection.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace joist {
namespace {

class DetectionTask final : public TrainingTask {
 public:
  DetectionTask(DetectionData data, const TrainOptions& options, const ModelEntry& entry, const BatchPart& part)
      : data_(std::move(data)),
        options_(options),
        part_(part),
        model_(entry.make({.classes = static_cast<std::int64_t>(data_.train.categories.size()), .size = options.size})),
        loader_(loader()) {
    loss_.class_weights = class_weights(data_.train, options.class_weights);
    description_ = {.model = entry.name,
                    .task = TaskKind::detect,
                    .classes = data_.train.categories,
                    .class_ids = data_.train.category_ids,
                    .size = options.size,
                    .channels = 3,
                    .tile = options.tile,
                    .tile_overlap = tile_overlap()};
  }

  const ModelDescription& description() const override { return description_; }
  Model& model() override { return *model_; }
  std::vector<std::string> loss_names() const override { return {"box_loss", "class_loss", "distance_loss"}; }
  std::vector<std::string> metric_names() const override { return {"AP", "AP50", "AP75", "AR100"}; }
  std::int64_t batches_per_epoch() const override { return loader_.steps(); }

  void seek(std::int64_t batch, bool closing) override {
    closing_ = closing;
    feed_.drop();
    epoch_ = batch / loader_.steps();
    loader_.start(epoch_, batch % loader_.steps(), augment(closing));
  }

  BatchLoss next() override {
    load();
    return repeat();
  }

  BatchLoss repeat() override {
    const auto [pictures, truth] = seen(0, loaded());
    const auto weight = static_cast<double>(batch_->size());
    if (model_->device().on_host()) return detection_batch_loss(*model_, pictures, truth, weight, loss_);
    padded().place(truth);
    return padded_->told(padded_->loss(pictures, weight));
  }

  std::int64_t load() override {
    batch_ = feed_.load(fed_device());
    side_ = next_side();
    return batch_->whole;
  }
  bool place() override {
    if (model_->device().on_host()) return false;
    const auto [pictures, truth] = seen(0, loaded());
    if (!pictures_.defined() || pictures_.shape() != pictures.shape() || pictures_.order() != pictures.order())
      pictures_ = Array::like(pictures);
    kernels(pictures).elementwise.copy(pictures, {pictures_, false});
    pictures_.bump_version();
    padded().place(truth);
    return true;
  }
  std::vector<Array> placed() const override {
    std::vector<Array> all = padded_->placed();
    all.push_back(pictures_);
    return all;
  }
  Tensor placed_loss() override { return padded_->loss(pictures_, static_cast<double>(pictures_.shape(0))); }
  BatchLoss placed_result(const Tensor& loss) const override { return padded_->told(loss); }
  void prefetch() override { feed_.prefetch(fed_device()); }
  std::int64_t loaded() const override { return batch_->size(); }
  bool counts_pictures() const override { return false; }
  PartLoss part_loss(std::int64_t first, std::int64_t last) override {
    const auto [pictures, truth] = seen(first, last);
    return detection_part_loss(*model_, pictures, truth, static_cast<double>(batch_->whole), loss_);
  }

  std::string last_pictures() const override {
    std::vector<std::string> names;
    for (std::size_t i = 0; batch_ && i < batch_->samples.size(); ++i)
      names.push_back(data_.train.samples[picture_of(batch_->samples[i])].path);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  std::vector<std::string> warnings() override {
    const LoaderStatistics statistics = loader_.statistics();
    if (statistics.unreadable == unreadable_) return {};
    unreadable_ = statistics.unreadable;
    std::vector<std::string> lines{
        fmt::format("{} training pictures could not be read; others took their place", statistics.unreadable)};
    for (std::size_t i = 0; i < std::min<std::size_t>(statistics.unreadable_files.size(), 5); ++i)
      lines.push_back("  " + statistics.unreadable_files[i]);
    return lines;
  }

  std::vector<std::string> suspicions() const override { return label_suspicions(data_.train, options_); }

  bool can_evaluate() const override { return data_.val.has_value(); }

  std::optional<Evaluation> evaluate() override {
    auto found = find();
    if (!found) return std::nullopt;
    const CocoResult result = joist::evaluate(coco_truth(*data_.val), *found);
    if (!best_found_ || result.AP > best_AP_) {
      best_AP_ = result.AP;
      best_found_ = std::move(*found);
    }
    return Evaluation{.values = {result.AP, result.AP50, result.AP75, result.AR100}, .json = coco_json(result)};
  }

  std::vector<TaskExample> examples() override {
    if (!data_.val) return {};
    // Spread over the set, so that a sorted one shows more than its first scene.
    Dataset few{.categories = data_.val->categories, .category_ids = data_.val->category_ids};
    const std::size_t all = data_.val->samples.size(), count = std::min<std::size_t>(all, 6);
    for (std::size_t i = 0; i < count; ++i) few.samples.push_back(data_.val->samples[i * all / count]);
    const auto found = detect_all(few, forward(), options_.size, 1, 1, {}, tiles_of(description_));
    std::vector<TaskExample> examples;
    for (const Sample& sample : few.samples) {
      std::vector<DrawnBox> boxes;
      for (const Annotation& truth : sample.annotations)
        boxes.push_back({.box = truth.box, .category = truth.category, .dashed = true});
      for (const Detection& one : found.value_or(std::vector<Detection>{})) {
        if (one.image_id != sample.id) continue;
        const auto place = std::find(few.category_ids.begin(), few.category_ids.end(), one.category_id);
        const auto category = static_cast<std::size_t>(place - few.category_ids.begin());
        boxes.push_back({.box = one.box,
                         .label = fmt::format("{} {:.2f}", few.categories[category], one.score),
                         .category = static_cast<int>(category)});
      }
      examples.push_back({draw_boxes(joist::decode(sample.path), boxes), sample.path + " (dashed: the truth)"});
    }
    return examples;
  }

  std::optional<TaskReport> report(double best_value) override {
    if (!data_.val) return std::nullopt;
    // What the best weights found is known, unless that was before the run was gone on with.
    if (!best_found_ || best_AP_ != best_value) best_found_ = find();
    if (!best_found_) return std::nullopt;
    AnalysisOptions how;
    how.draws = 400;  // within the time of the run
    how.group = options_.group;
    auto analysis = std::make_shared<DetectionAnalysis>(analyse(*data_.val, *best_found_, how));
    return TaskReport{[this, analysis](Page& page) { add_detection_report(page, *analysis, *data_.val); },
                      to_json(*analysis, *data_.val)};
  }

  std::string data_digest() const override { return digest_of(data_); }

 private:
  std::optional<std::vector<Detection>> find() const {
    return detect_all(*data_.val, forward(), options_.size, options_.batch, static_cast<int>(options_.loader_threads),
                      evaluation_thresholds(), tiles_of(description_));
  }
  DetectForward forward() const {
    return [this](const Array& pictures) {
      const Inference inference;
      return decode(model_->detect(Tensor(pictures))).value();
    };
  }
  // Some pictures of the last batch at the side that they are shown at, with their objects.
  std::pair<Array, std::vector<std::vector<TrueBox>>> seen(std::int64_t first, std::int64_t last) const {
    const bool all = first == 0 && last == batch_->size();
    Tensor pictures(all ? batch_->pictures : batch_->pictures.sliced(0, first, last));
    const auto zoom = static_cast<float>(side_) / static_cast<float>(options_.size);
    if (side_ != options_.size)
      pictures = interpolate(
          pictures, {.size = {side_, side_}, .mode = InterpolateMode::bilinear, .antialias = side_ < options_.size});
    std::vector<std::vector<TrueBox>> truth;
    for (std::int64_t i = first; i < last; ++i) {
      auto& objects = truth.emplace_back();
      for (const LabelledBox& box : batch_->boxes[static_cast<std::size_t>(i)])
        objects.push_back({box.x1 * zoom, box.y1 * zoom, box.x2 * zoom, box.y2 * zoom, box.category});
    }
    return {pictures.value(), truth};
  }
  PaddedDetection& padded() { return padded_ ? *padded_ : padded_.emplace(*model_, loss_); }
  const DetectionBatch* next_loaded() {
    const DetectionBatch* batch = loader_.next();
    if (batch) return batch;
    loader_.start(++epoch_);
    return loader_.next();
  }
  // Pictures that change their size do so on the host.
  Device fed_device() const { return options_.multi_scale > 0 ? cpu : model_->device(); }
  // The side of the last batch that came, a multiple of the coarsest stride.
  std::int64_t next_side() const {
    if (options_.multi_scale == 0 || closing_) return options_.size;
    constexpr std::uint32_t call = 17;  // beside those of pictures
    constexpr double stride = 32;
    Random random({static_cast<std::uint64_t>(options_.seed), Stream::augment, static_cast<std::uint32_t>(epoch_),
                   static_cast<std::uint32_t>(batch_->step), call});
    const auto share = static_cast<float>(options_.multi_scale);
    const double side = static_cast<double>(random.uniform(1 - share, 1 + share)) * static_cast<double>(options_.size);
    return std::max<std::int64_t>(1, std::llround(side / stride)) * static_cast<std::int64_t>(stride);
  }
  std::int64_t tile_overlap() const {
    return options_.tile == 0 ? 0 : std::llround(options_.tile_overlap * static_cast<double>(options_.tile));
  }
  DetectionLoader loader() {
    if (options_.tile == 0) return DetectionLoader(data_.train, loader_options(data_.train), augment(false));
    const TiledDataset tiles =
        tile_views(data_.train, {.size = static_cast<int>(options_.tile), .overlap = static_cast<int>(tile_overlap())});
    for (const TileWindow& window : tiles.windows) tile_pictures_.push_back(window.sample);
    return DetectionLoader(tiles, loader_options(tiles.dataset), augment(false));
  }
  // The sample of the data set that a sample of the loader belongs to.
  std::size_t picture_of(std::size_t sample) const { return tile_pictures_.empty() ? sample : tile_pictures_[sample]; }
  LoaderOptions loader_options(const Dataset& shown) const {
    const bool in_bytes = options_.device == "cuda" && options_.multi_scale == 0;  // numbers on the GPU
    return {.batch = static_cast<int>(options_.batch),
            .size = static_cast<int>(options_.size),
            .seed = static_cast<std::uint64_t>(options_.seed),
            .threads = static_cast<int>(options_.loader_threads),
            .cache_folder = options_.cache_folder,
            .unreadable = options_.unreadable == "skip" ? Unreadable::skip : Unreadable::fail,
            .weights = repeat_factors(shown, options_.balance),
            .part = part_,
            .dtype = in_bytes ? Dtype::uint8 : Dtype::float32,
            .leaves_pixels = in_bytes};
  }
  Augmentation augment(bool closing) const {
    if (!options_.augment.is_default()) return pipeline_options(options_, closing);
    return AugmentOptions{.mosaic = closing ? 0 : static_cast<float>(options_.mosaic),
                          .flip_horizontal = static_cast<float>(options_.flip)};
  }

  DetectionData data_;
  TrainOptions options_;
  BatchPart part_;
  std::unique_ptr<Model> model_;
  std::vector<std::size_t> tile_pictures_{};  // before the loader, which fills it in
  DetectionLoader loader_;
  AsNumbers numbers_{};
  BatchFeed<DetectionBatch> feed_{[this] { return next_loaded(); },
                                  [this](const DetectionBatch& batch) {
                                    return batch.changes.defined() ? change_pictures(batch.pictures, batch.changes)
                                                                   : numbers_(batch.pictures);
                                  }};
  ModelDescription description_{};
  DetectionLossOptions loss_{};
  std::optional<PaddedDetection> padded_{};  // on a GPU
  Array pictures_{};                         // of place()
  const DetectionBatch* batch_ = nullptr;
  double best_AP_ = 0;
  std::optional<std::vector<Detection>> best_found_{};  // with the best weights so far, for the report
  std::int64_t epoch_ = 0;                              // of the loader
  std::int64_t unreadable_ = 0;
  std::int64_t side_ = 0;
  bool closing_ = false;
};

}  // namespace

std::unique_ptr<TrainingTask> detection_task(DetectionData data, const TrainOptions& options, const ModelEntry& entry,
                                             const BatchPart& part) {
  return std::make_unique<DetectionTask>(std::move(data), options, entry, part);
}

}  // namespace joist
