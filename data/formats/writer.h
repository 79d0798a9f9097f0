// What the writers of annotation formats share. Private to data/.
#pragma once

#include <joist/data/write.h>

#include <filesystem>
#include <string>
#include <vector>

namespace joist {

/// What a format can say; write_dataset() lists the rest as lost.
struct Holds {
  bool polygons = false;
  bool several_parts = false;  ///< objects of more than one polygon
  bool masks = false;
  bool keypoints = false;
  bool crowd = false;
  bool difficult = false;
  bool truncated = false;
  bool occluded = false;
  bool area = false;            ///< of the outline, by itself
  bool empty_pictures = false;  ///< pictures without a box
  bool unused_classes = false;  ///< classes without a box
  bool class_order = false;     ///< the numbers of the classes
  bool ids = false;             ///< of pictures and boxes
  bool sizes = false;           ///< of the pictures
  bool splits = false;
};

struct Writer {
  std::string name;          ///< as in --to
  std::string default_file;  ///< in a folder; empty where there is a file per picture
  Holds holds;
  /// Writes and returns the number of files.
  std::int64_t (*write)(const Dataset& dataset, const std::filesystem::path& out, const WriteOptions& options);
  /// Losses of its own kind, besides those of `holds`; may be null.
  void (*losses)(const Dataset& dataset, std::vector<Loss>& losses) = nullptr;
};

Writer coco_writer();
Writer yolo_writer();
Writer voc_writer();
Writer csv_writer();
Writer cvat_writer();
Writer labelme_writer();
Writer imagenet_writer();
Writer openimages_writer();

/// How a picture is named in annotations that lie in `folder`: see WriteOptions::images. A picture that does not exist
/// keeps the name that its labels gave it.
std::string picture_name(const Sample& sample, const std::filesystem::path& folder, const WriteOptions& options);

/// File names without extension, one per sample: the picture's own, with its folders where two pictures share one.
std::vector<std::string> unique_stems(const Dataset& dataset);

/// Width and height, recorded or read from the picture. Throws DataError.
std::pair<int, int> picture_size(const Sample& sample);

/// The shortest text that reads as the same number again; whole numbers without ".0". Throws DataError that names
/// `where` for what is not finite.
std::string number_text(double value, const std::string& where);

/// The text as it stands between quotes in JSON, quotes included; as a field of CSV; as text or attribute of XML.
std::string json_text(const std::string& text);
std::string csv_text(const std::string& text);
std::string xml_text(const std::string& text);

/// Whether the box of an object is that of its polygons (to 0.005 pixels), so that writing these keeps it.
bool has_fitting_outline(const Annotation& annotation);
/// Losses of formats that hold either box or polygon: outlines whose box is another one.
void unfitting_outlines(const Dataset& dataset, std::vector<Loss>& losses);

/// Counts one more loss of this kind.
void add_loss(std::vector<Loss>& losses, const std::string& what, const std::string& where);

inline const std::string& class_name(const Dataset& dataset, const Annotation& annotation) {
  return dataset.categories[static_cast<std::size_t>(annotation.category)];
}

}  // namespace joist
