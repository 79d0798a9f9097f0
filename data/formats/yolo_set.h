// Which pictures and label files a YOLO set has, in the layouts of Ultralytics, Roboflow and darknet. Private to data/.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace joist {

struct YoloEntry {
  std::filesystem::path label{};    ///< empty where the picture has none
  std::filesystem::path picture{};  ///< empty where only the label was found
  std::string name{};               ///< of the picture, relative to the folder of pictures; may lack its extension
  std::string split{};              ///< "train", "val", "test" or empty
};

struct YoloSet {
  std::vector<std::string> names{};  ///< empty where nothing tells
  std::vector<YoloEntry> entries{};
  int keypoints = 0;            ///< per object (kpt_shape)
  int keypoint_dimensions = 3;  ///< 2 or 3
};

/// Whether a file describes such a set: data.yaml, darknet's obj.data, or a list of pictures.
bool is_yolo_file(const std::filesystem::path& file);
/// Whether a folder holds label files, directly or in labels/ or train/labels/.
bool is_yolo_folder(const std::filesystem::path& folder);

/// Reads the description, or looks through the folder. Throws DataError.
YoloSet find_yolo_set(const std::filesystem::path& source);

}  // namespace joist
