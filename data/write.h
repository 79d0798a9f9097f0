// Data sets into annotation files.
#pragma once

#include <joist/data/dataset.h>

#include <string>

namespace joist {

/// Writes COCO JSON in one step, with the data set's own ids; pictures are named relative to the file's folder, so that
/// folder and pictures can be moved together. Throws EnvironmentError.
void write_coco(const Dataset& dataset, const std::string& path);

}  // namespace joist
