#include <joist/core/error.h>
#include <joist/data/augment/pixels.h>
#include <joist/data/loader.h>
#include <joist/data/loader/cache.h>
#include <joist/data/loader/entries.h>
#include <joist/data/loader/ring.h>
#include <joist/data/loader/slots.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

namespace joist {
namespace {

// Pixels to the network's numbers: x / 255, as PyTorch users write it.
void write(const Picture& picture, float* out) { pixels::to_floats(picture.pixels.data(), out, picture.pixels.size()); }

void write(const Picture& picture, std::uint8_t* out) {
  std::memcpy(out, picture.pixels.data(), picture.pixels.size());
}

// A cached picture and its boxes on their way into a mosaic.
class CachedPool final : public ExamplePool {
 public:
  CachedPool(const std::vector<LoaderEntry>& entries, PictureCache& cache, Unreadable policy)
      : entries_(entries), cache_(cache), policy_(policy), is_bad_(policy == Unreadable::skip ? entries.size() : 0) {}

  std::size_t size() const override { return entries_.size(); }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    auto scaled = readable(sample);
    entries_[sample].boxes_in(scaled->frame(), boxes);
    const Picture& picture = scaled->picture;
    return {std::move(scaled), &picture};
  }

  std::vector<ObjectShape> shapes(std::size_t sample) const override {
    if (!entries_[sample].has_outlines() && policy_ == Unreadable::fail) return {};
    const auto scaled = readable(sample);
    return entries_[sample].has_outlines() ? entries_[sample].shapes_in(scaled->frame()) : std::vector<ObjectShape>{};
  }

  void report(LoaderStatistics& statistics) const {
    const std::lock_guard lock(mutex_);
    statistics.unreadable = unreadable_;
    statistics.unreadable_files = files_;
  }

 private:
  // Which picture stands in depends on the files alone, not on who met the bad one first.
  std::shared_ptr<const ScaledPicture> readable(std::size_t& sample) const {
    if (policy_ == Unreadable::fail) return cache_.get(sample);
    for (std::size_t tried = 0;; ++tried, sample = (sample + 1) % entries_.size()) {
      const bool is_last = tried + 1 == entries_.size();
      if (is_bad_[sample].load(std::memory_order_acquire) && !is_last) continue;
      try {
        return cache_.get(sample);
      } catch (const DataError& error) {
        if (is_last) throw;
        remember(sample, error);
      }
    }
  }

  void remember(std::size_t sample, const DataError& error) const {
    constexpr std::size_t most = 100;
    if (is_bad_[sample].exchange(true, std::memory_order_acq_rel)) return;
    const std::lock_guard lock(mutex_);
    ++unreadable_;
    if (files_.size() < most) files_.emplace_back(error.what());
  }

  const std::vector<LoaderEntry>& entries_;
  PictureCache& cache_;
  Unreadable policy_;
  mutable std::vector<std::atomic<bool>> is_bad_;
  mutable std::mutex mutex_{};
  mutable std::int64_t unreadable_ = 0;
  mutable std::vector<std::string> files_{};
};

}  // namespace

void check(const Augmentation& augmentation) {
  if (const auto* fixed = std::get_if<AugmentOptions>(&augmentation)) {
    check(*fixed);
  } else {
    check(std::get<PipelineOptions>(augmentation).list);
  }
}

struct DetectionLoader::Impl {
  // What one slot holds beside the pictures.
  struct Labels {
    explicit Labels(std::size_t batch)
        : boxes(batch),
          letterboxes(batch),
          samples(batch),
          changes(Array::empty({static_cast<std::int64_t>(batch), PictureChange::numbers})) {}
    std::vector<std::vector<LabelledBox>> boxes;
    std::vector<Letterbox> letterboxes;
    std::vector<std::size_t> samples;
    Array changes;
  };
  struct Worker {
    std::variant<std::monostate, Augmenter, Pipeline> augmenter{};
    Picture square{};
  };

  template <class Data>
  Impl(const Data& data, const LoaderOptions& given, const std::optional<Augmentation>& augment)
      : options(given),
        entries(entries_of(data)),
        cache(
            entries.size(), [this](std::size_t i) { return load_entry(i); }, options.cache_bytes, options.spill_bytes),
        pool(entries, cache, options.unreadable),
        ring(options, entries.size(), [this](const BatchRing::Item& item) { fill(item); }) {
    pictures = PictureSlots(ring.slots(), ring.batch(), 3, options.size, options.size, options.dtype);
    for (int slot = 0; slot < ring.slots(); ++slot) labels.emplace_back(static_cast<std::size_t>(ring.batch()));
    workers.resize(static_cast<std::size_t>(ring.workers()));
    if (augment) use(*augment);
  }

  void use(const Augmentation& augment) {
    for (Worker& worker : workers) {
      if (const auto* fixed = std::get_if<AugmentOptions>(&augment)) {
        worker.augmenter.emplace<Augmenter>(*fixed, options.size, leaves_pixels());
      } else {
        worker.augmenter.emplace<Pipeline>(std::get<PipelineOptions>(augment), options.size);
      }
    }
  }
  ScaledPicture load_entry(std::size_t index) {
    const LoaderEntry& entry = entries[index];
    if (entry.window.width == 0) return load(entry, options);
    const std::shared_ptr<const Picture> whole = large.get(entry.path);
    if (cache.keeps()) {
      const auto is_sibling = [&](std::size_t i) { return entries[i].window.sample == entry.window.sample; };
      std::size_t first = index, end = index + 1;
      while (first > 0 && is_sibling(first - 1)) --first;
      while (end < entries.size() && is_sibling(end)) ++end;
      for (std::size_t i = first; i < end; ++i)
        if (i != index) cache.offer(i, cut(*whole, entries[i], options.size));
    }
    return cut(*whole, entry, options.size);
  }

  bool leaves_pixels() const { return options.leaves_pixels && options.dtype == Dtype::uint8; }
  bool is_augmented() const { return workers[0].augmenter.index() > 0; }

  const Example* augmented(Worker& worker, const BatchRing::Item& item) {
    if (auto* fixed = std::get_if<Augmenter>(&worker.augmenter))
      return &(*fixed)(pool, options.seed, item.epoch, item.sample);
    if (auto* list = std::get_if<Pipeline>(&worker.augmenter))
      return &(*list)(pool, options.seed, item.epoch, item.sample);
    return nullptr;
  }

  void fill(const BatchRing::Item& item) {
    Worker& worker = workers[static_cast<std::size_t>(item.worker)];
    Labels& label = labels[static_cast<std::size_t>(item.slot)];
    const auto index = static_cast<std::size_t>(item.index);
    label.samples[index] = item.sample;
    const Picture* picture = nullptr;
    if (const Example* example = augmented(worker, item)) {
      label.boxes[index].assign(example->boxes.begin(), example->boxes.end());
      picture = &example->picture;
      if (example->left)
        std::memcpy(label.changes.data<float>() + item.index * PictureChange::numbers, &*example->left,
                    sizeof(PictureChange));
    } else {
      label.letterboxes[index] = letterbox(*cache.get(item.sample), options.size, worker.square);
      entries[item.sample].boxes_in(label.letterboxes[index], label.boxes[index]);
      picture = &worker.square;
    }
    if (options.dtype == Dtype::float32) {
      write(*picture, pictures.at<float>(item.slot, item.index));
    } else {
      write(*picture, pictures.at<std::uint8_t>(item.slot, item.index));
    }
  }

  // A tape that still holds the pictures shall find that they change.
  void release() {
    if (batch.pictures.defined()) batch.pictures.bump_version();
  }

  void start(std::int64_t epoch, std::int64_t step, const std::function<void()>& prepare = {}) {
    release();
    ring.start(epoch, step, prepare);
  }

  const DetectionBatch* next() {
    release();
    const BatchRing::Ready ready = ring.next();
    if (ready.slot < 0) return nullptr;
    Labels& label = labels[static_cast<std::size_t>(ready.slot)];
    const auto count = static_cast<std::size_t>(ready.items);
    batch.pictures = pictures.take(ready.slot, ready.items);
    batch.changes = leaves_pixels() && std::holds_alternative<Augmenter>(workers[0].augmenter)
                        ? label.changes.sliced(0, 0, ready.items)
                        : Array();
    batch.boxes.resize(count);  // lists change places, so that both sides keep their memory
    std::swap_ranges(batch.boxes.begin(), batch.boxes.end(), label.boxes.begin());
    batch.letterboxes.assign(label.letterboxes.begin(), label.letterboxes.begin() + (is_augmented() ? 0 : ready.items));
    batch.samples.assign(label.samples.begin(), label.samples.begin() + ready.items);
    batch.step = ready.step;
    batch.whole = ready.whole;
    return &batch;
  }

  const LoaderOptions options;
  const std::vector<LoaderEntry> entries;
  LargePicture large{};
  PictureCache cache;
  CachedPool pool;
  PictureSlots pictures{};
  std::vector<Labels> labels{};
  std::vector<Worker> workers{};
  DetectionBatch batch{};
  BatchRing ring;  // last: its threads end before what they write to
};

DetectionLoader::DetectionLoader(const Dataset& dataset, const LoaderOptions& options,
                                 std::optional<Augmentation> augment)
    : impl_(std::make_unique<Impl>(dataset, options, augment)) {}
DetectionLoader::DetectionLoader(const TiledDataset& tiles, const LoaderOptions& options,
                                 std::optional<Augmentation> augment)
    : impl_(std::make_unique<Impl>(tiles, options, augment)) {}
DetectionLoader::~DetectionLoader() = default;
DetectionLoader::DetectionLoader(DetectionLoader&&) noexcept = default;
DetectionLoader& DetectionLoader::operator=(DetectionLoader&&) noexcept = default;

std::int64_t DetectionLoader::steps() const noexcept { return impl_->ring.steps(); }

void DetectionLoader::start(std::int64_t epoch, std::int64_t step) { impl_->start(epoch, step); }

void DetectionLoader::start(std::int64_t epoch, std::int64_t step, const Augmentation& augment) {
  check(augment);
  impl_->start(epoch, step, [&] { impl_->use(augment); });
}

const DetectionBatch* DetectionLoader::next() { return impl_->next(); }

LoaderStatistics DetectionLoader::statistics() const {
  LoaderStatistics statistics{.batches = impl_->ring.delivered(),
                              .wait_seconds = impl_->ring.wait_seconds(),
                              .decoded = impl_->cache.loaded(),
                              .cached_bytes = impl_->cache.bytes(),
                              .spilled_bytes = impl_->cache.spilled_bytes()};
  impl_->pool.report(statistics);
  return statistics;
}

}  // namespace joist
