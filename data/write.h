// Data sets into annotation files of every kind.
#pragma once

#include <joist/data/dataset.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// The kinds that can be written: "coco", "yolo", "voc", "csv", "cvat", "labelme", "imagenet", "openimages".
std::vector<std::string> writable_formats();

struct WriteOptions {
  /// If given, pictures are named as seen from this folder; else as seen from the annotations, which then open by
  /// themselves and can be moved together with the pictures.
  std::string images{};
  /// YOLO finds labels by the pictures' places, so that the pictures are linked (or, where that fails, copied) into
  /// images/ beside labels/. false: labels only.
  bool with_pictures = true;
};

/// Something that the data set has and the format cannot hold.
struct Loss {
  std::string what{};
  std::int64_t count = 0;
  std::string where{};  ///< the first one
};

struct WriteReport {
  std::string path{};      ///< of the annotations: the file, or the folder where there is a file per picture
  std::int64_t files = 0;  ///< that were written, pictures not counted
  std::int64_t pictures = 0;
  std::int64_t boxes = 0;
  std::vector<Loss> losses{};
};

/// Writes the data set as `format` to `out`: a folder, or for formats of one file also the file's name. Each file is
/// written in one step. Boxes keep 1e-6 pixels or better. Throws UsageError for an unknown format, DataError where the
/// format needs the size of a picture that is neither recorded nor readable, or for a box that is not finite,
/// EnvironmentError.
WriteReport write_dataset(const Dataset& dataset, const std::string& format, const std::string& out,
                          const WriteOptions& options = {});

/// {"format", "path", "files", "pictures", "boxes", "classes", "losses": [{"what", "count", "where"}]}
std::string to_json(const WriteReport& report, const Dataset& dataset, const std::string& format);

/// Writes COCO JSON in one step, with the data set's own ids; pictures are named relative to the file's folder, so that
/// folder and pictures can be moved together. Throws EnvironmentError.
void write_coco(const Dataset& dataset, const std::string& path);

}  // namespace joist
