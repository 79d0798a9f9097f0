// Pictures with a class each, in lists and in CIFAR's files; folders of clips with a class each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// Pictures in files.
struct ClassifiedList {
  std::vector<std::string> paths{};
  std::vector<std::int64_t> labels{};  ///< index into classes
  std::vector<std::string> classes{};  ///< sorted by name, numbers by value; or those that were asked for
};

/// Whether a CSV file is a list of pictures with a class each: a column for the name (filename, image, path, id, …),
/// one for the class (label, class, category, …), and none for boxes.
bool is_classification_csv(const std::string& path);

/// Reads it. Pictures are looked for beside the file and in folders named images, train, val, test or as the file;
/// names may lack their extension. A column split (or set, subset) chooses the rows of `part` ("train", else the
/// others) where it has such; an empty `part` takes all. Throws DataError with the line of a picture that is not there,
/// of a class outside `classes` (if given) and of rows that are too short.
ClassifiedList read_classification_csv(const std::string& path, const std::string& part = {},
                                       const std::vector<std::string>& classes = {});

/// Whether such a list has rows for training and others.
bool has_parts(const std::string& csv);

/// Colour pictures of one size in memory.
struct CifarSet {
  std::vector<std::uint8_t> pixels{};  ///< [count, 32, 32, 3]
  std::vector<std::int64_t> labels{};
  std::vector<std::string> classes{};
};

/// Whether a folder holds CIFAR-10's (data_batch_1.bin, …) or CIFAR-100's (train.bin) binary files, or those below it
/// as they are unpacked.
bool is_cifar(const std::string& folder);
/// CIFAR-100 with its fine classes. Throws DataError for missing files, for files that are no whole number of records,
/// and for a label beyond the classes.
CifarSet read_cifar(const std::string& folder, bool training);

/// Short videos, or folders of frames.
struct ClipList {
  struct Clip {
    std::string path{};                 ///< of the video, or of the folder
    std::vector<std::string> frames{};  ///< pictures in the order of their numbers; empty for a video
    std::int64_t label = 0;
  };
  std::vector<Clip> clips{};
  std::vector<std::string> classes{};
};

/// Whether a folder holds one folder of videos per class.
bool is_clip_data(const std::string& path);
/// One folder per class, with videos (.mp4, .avi, .mkv, .mov, .webm) or folders of at least two numbered frames in it.
/// Throws DataError.
ClipList read_clips(const std::string& path);

}  // namespace joist
