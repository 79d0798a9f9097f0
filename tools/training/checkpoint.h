// What a checkpoint holds, and how it is checked when it comes back.
//
// best.h5: description and weights. last.h5: also the moving average, the optimizer and where training stood.
// Arrays are named "model/<field>", "average/<field>" and "optimizer/<buffer>.<field>"; the rest are text attributes.
#pragma once

#include <joist/core/formats/archive.h>
#include <joist/data/tile.h>
#include <joist/optim/optimizer.h>
#include <joist/tools/training/log.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// What must be known to use a model without the data it was trained on.
struct ModelDescription {
  std::string model{};  ///< name in the registry
  TaskKind task = TaskKind::classify;
  std::vector<std::string> classes{};
  std::vector<std::int64_t> class_ids{};  ///< the data's own numbers of the classes, used again in results
  std::int64_t size = 0;                  ///< side of the input
  std::int64_t channels = 3;              ///< RGB or gray
  /// Detectors trained on tiles: their side and overlap, pixels of the picture. 0: on whole pictures.
  std::int64_t tile = 0, tile_overlap = 0;
  std::vector<float> mean{},
      deviation{};  ///< classifiers: input = (pixel / 255 - mean) / deviation, per channel; empty: 0 and 1
};

/// How evaluation and prediction cut pictures: as training did.
std::optional<TileOptions> tiles_of(const ModelDescription& description);

/// Where training stood between two steps.
struct TrainingState {
  TrainOptions options{};           ///< with the plan so far
  std::string data_digest{};        ///< of the training and validation lists
  std::int64_t step = 0;            ///< optimizer steps done
  std::int64_t epoch_batches = 0;   ///< batches summed up in loss_sums
  std::int64_t skipped = 0;         ///< steps left out because a number was not finite
  std::vector<double> loss_sums{};  ///< of the epoch so far
  std::int64_t average_updates = 0;
  OptimizerState optimizer{};
  std::vector<std::int64_t> late_parts{};  ///< of --unfreeze, see LateParts::state()
  std::string start_digest{};              ///< of the weights that --l2-sp pulls towards
  TrainingLog log{};
  std::int64_t best_epoch = 0;  ///< 0: none yet
  double best_value = 0;
  std::string best_metrics{};  ///< JSON
  double elapsed = 0;          ///< seconds
};

struct Checkpoint {
  ModelDescription description{};
  std::vector<NamedState> model{};
  std::vector<NamedState> average{};  ///< empty: none
  std::optional<TrainingState> training{};

  /// What evaluation and prediction use: the average where there is one.
  const std::vector<NamedState>& best_weights() const { return average.empty() ? model : average; }
};

/// Replaces the file in one step; see store_file and hdf5_image for errors and cost.
void store_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
/// Throws DataError for a file that is damaged, not a checkpoint, or of a newer format.
Checkpoint read_checkpoint(const std::filesystem::path& path);

/// What such a file holds: arrays and text.
Archive archive_of(const Checkpoint& checkpoint);
/// Throws DataError as read_checkpoint() does. `where` names the source.
Checkpoint checkpoint_from(const Archive& archive, const std::string& where);

/// Copies arrays into the fields of the same name. Throws DataError that lists every missing, unexpected and mis-shaped
/// name; nothing is written then. `where` names the file.
void load_weights(std::span<const Field> fields, std::span<const NamedState> arrays, const std::string& where);
/// The fields as they are: shared memory, no copy.
std::vector<NamedState> weights_of(std::span<const Field> fields);

/// The model of a checkpoint with its best weights. Throws UsageError when the registry does not know it.
std::unique_ptr<Model> load_model(const Checkpoint& checkpoint, const ModelRegistry& registry,
                                  const std::string& where);

}  // namespace joist
