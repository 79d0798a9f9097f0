// Pictures with labelled boxes, whatever the format they were written in.
//
//   Dataset data = read_dataset("site/train.json");   // a folder or one annotation file; the format is detected
//   fmt::print("{}\n", summary(data));
#pragma once

#include <joist/data/outline.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace joist {

/// One labelled object.
struct Annotation {
  Box box{};
  int category = 0;        ///< index into Dataset::categories
  bool crowd = false;      ///< the box covers a group (COCO iscrowd); neither trained on nor counted as a miss
  bool difficult = false;  ///< hard to see (VOC difficult, COCO ignore); trained on like any other
  double area = 0;         ///< pixels; of the object's outline where the file says so, else of the box
  std::int64_t id = 0;     ///< the file's own id, or a running number from 1
  std::string where{};     ///< "file:line" or "file#annotations[index]", for messages
  bool truncated = false;  ///< cut off by the picture's edge (VOC, OpenImages)
  bool occluded = false;   ///< partly behind something (VOC, CVAT, OpenImages)
  std::shared_ptr<const Outline> outline{};  ///< polygons, mask and keypoints, where the file has them
};

/// One picture and its labels.
struct Sample {
  std::string path{};   ///< absolute or relative to the working folder; see ReadOptions::require_pictures
  std::int64_t id = 0;  ///< the file's own id, or a running number from 1
  int width = 0;        ///< as recorded in the annotations; 0 where they do not say (check() fills it in)
  int height = 0;
  std::string where{};  ///< where the picture is listed
  std::vector<Annotation> annotations{};
  std::string name{};   ///< the picture as the file names it
  std::string split{};  ///< "train", "val", "test" or another part that the file puts it in; else empty
};

/// A record of labels that could not be read; see ReadOptions::lenient.
struct LabelFault {
  std::string where{};  ///< "file:line" or "file#list[index]"
  std::string kind{};   ///< as Finding::kind
  std::string what{};
};

/// What the points of a class's keypoints are.
struct KeypointKind {
  std::vector<std::string> names{};
  std::vector<std::pair<int, int>> skeleton{};  ///< lines between them, numbers from 1 as in COCO
};

/// A whole annotated set.
struct Dataset {
  std::string format{};                      ///< "COCO JSON", "YOLO", "Pascal VOC XML", "CSV", …
  std::string source{};                      ///< the file or folder that was read
  std::vector<std::string> categories{};     ///< class names; COCO in the order of the ids, CSV and VOC sorted by name
  std::vector<std::int64_t> category_ids{};  ///< the file's own id of each class, used again on output
  std::vector<Sample> samples{};
  std::vector<KeypointKind> keypoints{};  ///< of each class; empty where no class has any
  std::vector<LabelFault> faults{};       ///< what a lenient reading passed over; check() judges them
  /// What the file holds and a Dataset does not ("attributes", "polylines", …), and how often.
  std::map<std::string, std::int64_t> passed_over{};
};

/// How to read; everything has a good default.
struct ReadOptions {
  std::string images{};                   ///< folder of the pictures, where they are not found by themselves
  std::vector<std::string> categories{};  ///< class list to follow (order and names); another class is an error
  bool require_pictures = true;           ///< a listed picture that does not exist is an error (else check() tells)
  /// A record that cannot be read is noted in Dataset::faults instead of being an error; missing pictures and classes
  /// outside the list are left for check() to judge.
  bool lenient = false;
  std::string split{};  ///< "train", "val" or "test": only that part of a set that has parts; empty: all
};

/// Reads a folder or one annotation file; the format is detected from what is there. Boxes are taken as written: call
/// check() before training. Throws DataError that names the file and line or index, and names the candidates where a
/// folder holds several annotation files.
Dataset read_dataset(const std::string& path, const ReadOptions& options = {});

/// Renumbers the categories to follow `categories` by name, keeping the file's own ids for output. Throws DataError
/// that names the annotations whose class is not in the list; an unused class of the file is dropped silently.
void follow_categories(Dataset& dataset, const std::vector<std::string>& categories);

/// For example "COCO JSON site/train.json: 1399 pictures, 5291 boxes, 3 classes (helmet 3911, head 1221, person 159)".
std::string summary(const Dataset& dataset);

}  // namespace joist
