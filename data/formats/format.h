// What a reader of one annotation format provides. Private to data/; README.md says how to add one.
#pragma once

#include <joist/core/error.h>
#include <joist/data/dataset.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// A fault of labels, with the kind under which the label doctor counts it.
class LabelError : public DataError {
 public:
  LabelError(std::string kind, Fault fault) : DataError(std::move(fault)), kind_(std::move(kind)) {}
  const std::string& kind() const noexcept { return kind_; }

 private:
  std::string kind_;
};

/// How a file is read, and what of it could not be.
class Reading {
 public:
  explicit Reading(const ReadOptions& options) : options_(options) {}

  const ReadOptions& options() const { return options_; }

  /// Runs `read`. Where that throws DataError: passes it on, or in a lenient reading notes it under `kind` and returns
  /// false.
  template <typename Read>
  bool attempt(const char* kind, Read&& read) {
    if (!options_.lenient) {
      read();
      return true;
    }
    try {
      read();
      return true;
    } catch (const LabelError& error) {
      faults.push_back({error.fault().where, error.kind(), error.fault().what});
    } catch (const DataError& error) {
      faults.push_back({error.fault().where, kind, error.fault().what});
    }
    return false;
  }

  std::vector<LabelFault> faults{};

 private:
  const ReadOptions& options_;
};

/// Labels as their file gives them: each Sample::path is still the name written there.
struct Labels {
  Dataset dataset{};
  std::vector<std::string> other_names{};  ///< per sample, a second name to look for; may be empty as a whole
  bool is_relative = false;                ///< boxes are shares of the picture's sides
};

struct Format {
  std::string name;        ///< as in Dataset::format
  std::string extensions;  ///< of its files, lower case: ".yaml .yml"
  bool is_per_picture;     ///< one file per picture: a folder of such files is one data set
  /// Whether a file with that extension holds this format; reads it if need be, never throws for its content.
  bool (*claims)(const std::filesystem::path& file);
  /// Reads one file, or all in `files` as one set where is_per_picture. Throws DataError that names file and line or
  /// index.
  Labels (*read)(const std::vector<std::filesystem::path>& files, Reading& reading);
  /// Whether a folder as a whole holds this format; null where files tell.
  bool (*claims_folder)(const std::filesystem::path& folder) = nullptr;
  std::string other_extensions{};  ///< of files that are read when they are named, and not looked for
};

Format coco_format();
Format yolo_format();
Format voc_format();
Format cvat_format();
Format labelme_format();
Format csv_format();

/// Every format that read_dataset() knows.
std::span<const Format> formats();

}  // namespace joist
