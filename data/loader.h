// Batches for training and validation, made by threads while the model computes.
//
//   DetectionLoader loader(data, {.batch = 16, .size = 320, .seed = 1}, AugmentOptions{});
//   for (int epoch = 0; epoch < 100; ++epoch) {
//     loader.start(epoch);
//     while (const DetectionBatch* batch = loader.next()) train(batch->pictures, batch->boxes);
//   }
//
// A batch is determined by the data, the options, the seed, the epoch and the step: not by the number of threads, and
// not by where training was started. start(epoch, step) goes on exactly where another run stopped.
#pragma once

#include <joist/core/array.h>
#include <joist/data/augment.h>
#include <joist/data/augment/crop.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/pipeline.h>
#include <joist/data/dataset.h>
#include <joist/data/idx.h>
#include <joist/data/loader/options.h>
#include <joist/data/picture.h>
#include <joist/data/tile.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace joist {

/// What happens to training pictures: the fixed recipe of detectors, or a list of operations.
using Augmentation = std::variant<AugmentOptions, PipelineOptions>;

/// Throws UsageError as the check() of either does.
void check(const Augmentation& augmentation);

/// Pictures with boxes. The loader writes into the memory of `pictures` again after the next next(): copy what is kept
/// longer (a tape that still needs it finds its version changed).
struct DetectionBatch {
  Array pictures{};  ///< [n, 3, size, size], channels-last
  Array changes{};   ///< [n, 5] for change_pictures(), which makes float32 of `pictures`; LoaderOptions::leaves_pixels
  std::vector<std::vector<LabelledBox>> boxes{};  ///< one list per picture, in its pixels; crowds are left out
  std::vector<Letterbox> letterboxes{};           ///< one per picture, to map boxes back; none when augmented
  std::vector<std::size_t> samples{};             ///< index into Dataset::samples, one per picture
  std::int64_t step = 0;
  std::int64_t whole = 0;  ///< pictures of the whole batch, of which these are LoaderOptions::part

  int size() const noexcept { return static_cast<int>(samples.size()); }
};

class DetectionLoader {
 public:
  /// Takes what it needs out of `dataset`, which should have passed check(). Without `augment`, pictures are
  /// letterboxed. Throws UsageError for options, DataError for an empty data set, EnvironmentError if no thread can be
  /// had.
  DetectionLoader(const Dataset& dataset, const LoaderOptions& options,
                  std::optional<Augmentation> augment = std::nullopt);
  /// Tiles instead of whole pictures, cut while loading: everything is as if each were a picture of its own. A picture
  /// is decoded once for all its tiles where they are kept (LoaderOptions::cache_bytes, spill_bytes) or follow each
  /// other.
  DetectionLoader(const TiledDataset& tiles, const LoaderOptions& options,
                  std::optional<Augmentation> augment = std::nullopt);
  ~DetectionLoader();
  DetectionLoader(DetectionLoader&&) noexcept;
  DetectionLoader& operator=(DetectionLoader&&) noexcept;

  std::int64_t steps() const noexcept;  ///< batches of an epoch
  /// Goes to a step of an epoch; batches under way are dropped.
  void start(std::int64_t epoch, std::int64_t step = 0);
  /// The same with other augmentation from here on; mosaic is closed for the last epochs like this.
  void start(std::int64_t epoch, std::int64_t step, const Augmentation& augment);
  /// The next batch, valid until the next call; nullptr at the end of the epoch. Throws the DataError, naming the file,
  /// of a picture that cannot be read or has not the size that the annotations say; earlier batches are handed out
  /// first.
  const DetectionBatch* next();
  LoaderStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Pictures with a class each: in files, or all of one size in memory.
struct PictureSet {
  std::vector<std::int64_t> labels{};
  std::vector<std::string> paths{};    ///< of the files; or
  std::vector<std::uint8_t> pixels{};  ///< [n, height, width, channels]
  int height = 0;
  int width = 0;
  int channels = 1;
};

/// Fashion-MNIST and its like.
PictureSet picture_set(IdxSet set);
/// One picture of a set in memory; grey ones get three equal channels.
Picture picture_at(const PictureSet& set, std::size_t index);

struct PictureBatch {
  Array pictures{};                    ///< [n, channels, height, width], channels-last; memory as in DetectionBatch
  Array labels{};                      ///< int64 [n]
  std::vector<std::size_t> samples{};  ///< index into PictureSet::labels
  std::int64_t step = 0;
  std::int64_t whole = 0;  ///< pictures of the whole batch, of which these are LoaderOptions::part

  int size() const noexcept { return static_cast<int>(samples.size()); }
};

/// Batches for classifiers. Pictures in memory keep their size; pictures in files are scaled so that the shorter side
/// has LoaderOptions::size, of which a square is taken: from the middle or, when `augment`, from anywhere. As float32
/// they are normalized by the CropOptions, as uint8 they are not.
class PictureLoader {
 public:
  /// With a list, pictures go through its operations before the middle square of the size wanted is taken; `augment`
  /// then says nothing. Throws UsageError for options, UnsupportedError for a list on pictures that are not in colour,
  /// DataError for a set that does not fit together.
  PictureLoader(PictureSet set, const LoaderOptions& options, const CropOptions& crop = {}, bool augment = false,
                const std::optional<PipelineOptions>& list = std::nullopt);
  ~PictureLoader();
  PictureLoader(PictureLoader&&) noexcept;
  PictureLoader& operator=(PictureLoader&&) noexcept;

  std::int64_t steps() const noexcept;
  void start(std::int64_t epoch, std::int64_t step = 0);
  /// As DetectionLoader::next().
  const PictureBatch* next();
  LoaderStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist
