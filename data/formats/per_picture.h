// Formats with a file for each picture that name their classes at each box. Private to data/.
#pragma once

#include <joist/data/formats/class_names.h>
#include <joist/data/formats/format.h>

#include <cstdint>

namespace joist {

/// Adds the picture of one file to `labels`; `boxes` counts those of all files. Throws DataError.
using ReadPicture = void (*)(const std::filesystem::path& file, Labels& labels, ClassNames& classes,
                             std::int64_t& boxes, Reading& reading);

/// All files as one set, its classes sorted by name.
Labels read_per_picture(const std::vector<std::filesystem::path>& files, Reading& reading, ReadPicture read_picture);

}  // namespace joist
