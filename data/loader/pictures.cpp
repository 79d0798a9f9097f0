#include <joist/core/error.h>
#include <joist/data/loader.h>
#include <joist/data/loader/cache.h>
#include <joist/data/loader/ring.h>
#include <joist/data/loader/slots.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace joist {
namespace {

constexpr std::uint32_t crop_call = 16;  // RandomKey::call of classification's windows

void check(const PictureSet& set) {
  const auto refuse = [&](const std::string& what, const std::string& expected) {
    throw DataError({.where = "picture set", .what = what, .expected = expected});
  };
  const std::string labels = std::to_string(set.labels.size()) + " labels";
  if (!set.paths.empty() && !set.pixels.empty()) refuse("holds files and pixels", "one of them");
  if (!set.paths.empty() && set.paths.size() != set.labels.size()) {
    refuse(std::to_string(set.paths.size()) + " files with " + labels, "a label for each file");
  }
  if (!set.paths.empty() || set.labels.empty()) return;
  if (set.height < 1 || set.width < 1 || set.channels < 1) {
    refuse("pictures of " + std::to_string(set.width) + "×" + std::to_string(set.height) + " pixels and " +
               std::to_string(set.channels) + " channels",
           "at least 1 of each");
  }
  const auto picture = static_cast<std::size_t>(set.width) * static_cast<std::size_t>(set.height) *
                       static_cast<std::size_t>(set.channels);
  if (set.pixels.size() % picture != 0 || set.pixels.size() / picture != set.labels.size()) {
    refuse(std::to_string(set.pixels.size()) + " pixel values with " + labels,
           std::to_string(picture) + " values for each label");
  }
}

void require_colour(const PictureSet& set) {
  if (set.channels == 3) return;
  throw UnsupportedError({.where = "augmentation",
                          .what = "unsupported: a list of operations on pictures with " + std::to_string(set.channels) +
                                  " channel" + (set.channels == 1 ? "" : "s"),
                          .expected = "colour pictures"});
}

// A classifier's pictures stay alone: each has its own class.
struct NoOthers final : ExamplePool {
  std::size_t size() const override { return 1; }
  std::shared_ptr<const Picture> load(std::size_t, std::vector<LabelledBox>&) const override {
    throw UsageError({.where = "augmentation", .what = "an operation that joins pictures of different classes"});
  }
};

PictureSet checked(PictureSet set, int size) {
  check(set);
  if (!set.paths.empty()) {
    set.width = set.height = size;
    set.channels = 3;
  }
  return set;
}

}  // namespace

PictureSet picture_set(IdxSet set) {
  return {.labels = {set.labels.begin(), set.labels.end()},
          .pixels = std::move(set.pixels),
          .height = set.height,
          .width = set.width,
          .channels = 1};
}

Picture picture_at(const PictureSet& set, std::size_t index) {
  Picture picture(set.width, set.height);
  const auto channels = static_cast<std::size_t>(set.channels), places = picture.pixels.size() / 3;
  const std::uint8_t* const from = set.pixels.data() + index * places * channels;
  for (std::size_t place = 0; place < places; ++place)
    for (std::size_t c = 0; c < 3; ++c)
      picture.pixels[3 * place + c] = from[place * channels + (channels == 3 ? c : 0)];
  return picture;
}

struct PictureLoader::Impl {
  Impl(PictureSet given, const LoaderOptions& loader_options, const CropOptions& crop_options, bool is_augmented,
       const std::optional<PipelineOptions>& list)
      : options(loader_options),
        set(checked(std::move(given), options.size)),
        crop(crop_options),
        augment(is_augmented),
        cropper(crop, set.width, set.height, set.channels),
        cache(
            set.paths.size(), [this](std::size_t i) { return load_covering(set.paths[i], options.size); },
            options.cache_bytes, options.spill_bytes),
        ring(options, set.labels.size(), [this](const BatchRing::Item& item) { fill(item); }) {
    pictures = PictureSlots(ring.slots(), ring.batch(), set.channels, set.height, set.width, options.dtype);
    if (list) {
      require_colour(set);
      for (int i = 0; i < ring.workers(); ++i) pipelines.emplace_back(*list, std::min(set.width, set.height));
    }
    for (int slot = 0; slot < ring.slots(); ++slot) {
      labels.push_back(Array::empty({ring.batch()}, Dtype::int64));
      samples.emplace_back(static_cast<std::size_t>(ring.batch()));
    }
  }

  void fill(const BatchRing::Item& item) {
    const auto slot = static_cast<std::size_t>(item.slot);
    labels[slot].data<std::int64_t>()[item.index] = set.labels[item.sample];
    samples[slot][static_cast<std::size_t>(item.index)] = item.sample;
    if (set.paths.empty()) {
      const std::size_t bytes = set.pixels.size() / set.labels.size();
      write({set.pixels.data() + bytes * item.sample, set.width, set.height, set.channels}, item);
    } else {
      const auto scaled = cache.get(item.sample);
      write({scaled->picture.pixels.data(), scaled->picture.width, scaled->picture.height, 3}, item);
    }
  }

  // Through the list; then large enough for the middle window to be full.
  void write_listed(const PixelView& picture, const BatchRing::Item& item) {
    Example example{Picture(picture.width, picture.height), {}, {}};
    std::copy_n(picture.pixels, example.picture.pixels.size(), example.picture.pixels.data());
    pipelines[static_cast<std::size_t>(item.worker)].apply(example, NoOthers(), options.seed, item.epoch, item.sample);
    const double scale = std::max(static_cast<double>(set.width) / example.picture.width,
                                  static_cast<double>(set.height) / example.picture.height);
    const auto side = [scale](int length) { return static_cast<int>(std::ceil(length * scale - 1e-9)); };
    if (scale > 1) resize(example, side(example.picture.width), side(example.picture.height));
    const PixelView view{example.picture.pixels.data(), example.picture.width, example.picture.height, 3};
    cut(view, middle_window(view, set.width, set.height), item);
  }

  void cut(const PixelView& picture, const Window& window, const BatchRing::Item& item) const {
    if (options.dtype == Dtype::float32)
      cropper(picture, window, pictures.at<float>(item.slot, item.index));
    else
      cropper(picture, window, pictures.at<std::uint8_t>(item.slot, item.index));
  }

  void write(const PixelView& picture, const BatchRing::Item& item) {
    if (!pipelines.empty()) return write_listed(picture, item);
    Window window = middle_window(picture, set.width, set.height);
    if (augment) {
      Random random({options.seed, Stream::augment, item.epoch, static_cast<std::uint32_t>(item.sample), crop_call});
      window = random_window(picture, set.width, set.height, crop, random);
    }
    cut(picture, window, item);
  }

  void release() {
    if (batch.pictures.defined()) batch.pictures.bump_version();
    if (batch.labels.defined()) batch.labels.bump_version();
  }

  const PictureBatch* next() {
    release();
    const BatchRing::Ready ready = ring.next();
    if (ready.slot < 0) return nullptr;
    const auto slot = static_cast<std::size_t>(ready.slot);
    batch.pictures = pictures.take(ready.slot, ready.items);
    batch.labels = ready.items == ring.batch() ? labels[slot] : labels[slot].sliced(0, 0, ready.items);
    batch.samples.assign(samples[slot].begin(), samples[slot].begin() + ready.items);
    batch.step = ready.step;
    batch.whole = ready.whole;
    return &batch;
  }

  const LoaderOptions options;
  const PictureSet set;
  const CropOptions crop;
  const bool augment;
  const Cropper cropper;
  PictureCache cache;
  std::vector<Pipeline> pipelines{};  // one per worker; none: without a list
  PictureSlots pictures{};
  std::vector<Array> labels{};
  std::vector<std::vector<std::size_t>> samples{};
  PictureBatch batch{};
  BatchRing ring;  // last: its threads end before what they write to
};

PictureLoader::PictureLoader(PictureSet set, const LoaderOptions& options, const CropOptions& crop, bool augment,
                             const std::optional<PipelineOptions>& list)
    : impl_(std::make_unique<Impl>(std::move(set), options, crop, augment, list)) {}
PictureLoader::~PictureLoader() = default;
PictureLoader::PictureLoader(PictureLoader&&) noexcept = default;
PictureLoader& PictureLoader::operator=(PictureLoader&&) noexcept = default;

std::int64_t PictureLoader::steps() const noexcept { return impl_->ring.steps(); }

void PictureLoader::start(std::int64_t epoch, std::int64_t step) {
  impl_->release();
  impl_->ring.start(epoch, step);
}

const PictureBatch* PictureLoader::next() { return impl_->next(); }

LoaderStatistics PictureLoader::statistics() const {
  return {.batches = impl_->ring.delivered(),
          .wait_seconds = impl_->ring.wait_seconds(),
          .decoded = impl_->cache.loaded(),
          .cached_bytes = impl_->cache.bytes(),
          .spilled_bytes = impl_->cache.spilled_bytes()};
}

}  // namespace joist
