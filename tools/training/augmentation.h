// From the options of a run to its augmentation list.
#pragma once

#include <joist/data/augment/pipeline.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/options.h>

#include <string>
#include <vector>

namespace joist {

/// Throws UsageError for --mosaic or --flip beside a list, which has its own, and for operations that the task cannot
/// use; DataError for a folder of backgrounds without pictures.
void check_augmentation(const TrainOptions& options, TaskKind task);

/// The list of a run. `closing`: without the operations that join several pictures, for the last epochs.
PipelineOptions pipeline_options(const TrainOptions& options, bool closing);

/// Picture files of a folder and the folders in it, by name. Throws DataError where there is none.
std::vector<std::string> picture_files(const std::string& folder);

}  // namespace joist
