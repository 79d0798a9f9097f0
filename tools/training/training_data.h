// The data of a run: read, checked and described before anything is written.
#pragma once

#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/data/loader.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace joist {

/// Pictures with a class each, and the names of the classes.
struct ClassifiedPictures {
  PictureSet set{};
  std::vector<std::string> classes{};
  std::string source{};
};

/// Whether a path holds classification data: IDX files, or a folder of class folders with pictures.
bool is_classification_data(const std::string& path);

/// Reads `path`: a folder with train-… and t10k-… IDX files (split "train" or "t10k"), or a folder with one folder of
/// pictures per class, or with "train" and "val" folders of such. `classes`: the class list to follow; empty: the
/// folder's own, sorted. Throws DataError.
ClassifiedPictures read_classified_pictures(const std::string& path, bool training,
                                            const std::vector<std::string>& classes = {});

/// Whether `path` brings its own held-apart pictures (IDX files' t10k, or a "val" folder).
bool has_own_validation(const std::string& path);

struct DetectionData {
  Dataset train{};
  std::optional<Dataset> val{};
  std::string check_json{};  ///< what the label doctor found: {"train": …, "val": …}
};
struct ClassificationData {
  ClassifiedPictures train{};
  std::optional<ClassifiedPictures> val{};
};
using TrainingData = std::variant<DetectionData, ClassificationData>;

/// How annotated pictures are checked before they are used.
struct LabelCheck {
  std::string labels = "repair";       ///< fail, repair or drop
  std::vector<std::string> classes{};  ///< the list to follow; empty: the data's own
  bool training = false;               ///< the training part: at least one box, and of a set of parts "train"
  double max_loss = 1;                 ///< share of boxes or pictures that may be dropped
  int size = 0;                        ///< pixels that the model sees, for a list of tiny objects
};

/// Reads and checks annotated pictures and says on standard output what was found. Throws DataError. `report`, if
/// given, receives what was found.
Dataset read_checked_detection(const std::string& path, const LabelCheck& how, CheckReport* report = nullptr);

/// Reads and checks --data and --val, says on standard output what was found, and throws before anything else is done.
TrainingData read_training_data(const TrainOptions& options, TaskKind task);
/// --task, or what the data look like.
TaskKind task_of(const TrainOptions& options);
/// SHA-256 over names, sizes and labels of all pictures: whether a run goes on with the data that it began with.
std::string digest_of(const TrainingData& data);

}  // namespace joist
