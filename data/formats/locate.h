// Finding the pictures that annotations name. Private to data/.
#pragma once

#include <joist/data/formats/format.h>

#include <filesystem>
#include <string>

namespace joist {

/// Replaces the written name of each sample by the path of its picture. With `images` only that folder and what lies
/// below it counts. Else the usual places around the annotations at `source` (a file or folder) are looked into: beside
/// them, images/, JPEGImages/, a folder named like the file (train2017/ for instances_train2017.json), ../images/, the
/// name as written; at last a bare name that is unique below. With `required`, throws DataError that names the first
/// missing pictures, their count and where they were looked for; else leaves the likeliest path.
void locate_pictures(Labels& labels, const std::filesystem::path& source, const std::string& images, bool required);

/// Whether the name ends like a picture's: .jpg, .jpeg, .png or .webp in upper or lower case.
bool is_picture_name(const std::filesystem::path& path);

}  // namespace joist
