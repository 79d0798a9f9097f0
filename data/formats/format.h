// What a reader of one annotation format provides. Private to data/; README.md says how to add one.
#pragma once

#include <joist/data/dataset.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// Labels as their file gives them: each Sample::path is still the name written there.
struct Labels {
  Dataset dataset{};
  std::vector<std::string> other_names{};  ///< per sample, a second name to look for; may be empty as a whole
};

struct Format {
  std::string name;       ///< as in Dataset::format
  std::string extension;  ///< of its files, lower case: ".json"
  bool is_per_picture;    ///< one file per picture: a folder of such files is one data set
  /// Whether a file with that extension holds this format; reads it if need be, never throws for its content.
  bool (*claims)(const std::filesystem::path& file);
  /// Reads one file, or all in `files` as one set where is_per_picture. Throws DataError that names file and line or
  /// index.
  Labels (*read)(const std::vector<std::filesystem::path>& files);
};

Format coco_format();
Format voc_format();
Format csv_format();

/// Every format that read_dataset() knows.
std::span<const Format> formats();

}  // namespace joist
