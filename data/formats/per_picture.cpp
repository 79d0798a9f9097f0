#include <joist/data/formats/per_picture.h>

namespace joist {

Labels read_per_picture(const std::vector<std::filesystem::path>& files, Reading& reading, ReadPicture read_picture) {
  Labels labels;
  ClassNames classes;
  std::int64_t boxes = 0;
  for (const std::filesystem::path& file : files)
    reading.attempt("label file unreadable", [&] { read_picture(file, labels, classes, boxes, reading); });
  classes.sort(labels.dataset);
  return labels;
}

}  // namespace joist
