// What a loader of annotated pictures keeps of each sample, and how its picture comes from the file. Private to
// data/loader.
#pragma once

#include <joist/data/augment/letterbox.h>
#include <joist/data/dataset.h>
#include <joist/data/loader/options.h>
#include <joist/data/tile.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace joist {

// What of a Sample is needed for batches, without the strings for messages.
struct LoaderEntry {
  struct Object {
    Box box;
    int category;
    std::shared_ptr<const Outline> outline;
  };
  std::string path;
  int width, height;
  std::vector<Object> objects;
  TileWindow window{};  // of no width: the whole picture

  void boxes_in(const Letterbox& frame, std::vector<LabelledBox>& boxes) const;
  bool has_outlines() const;
  /// One per object.
  std::vector<ObjectShape> shapes_in(const Letterbox& frame) const;
};

std::vector<LoaderEntry> entries_of(const Dataset& dataset);
std::vector<LoaderEntry> entries_of(const TiledDataset& tiles);

// The last large picture, since its tiles are often asked for one after the other. Thread-safe.
class LargePicture {
 public:
  std::shared_ptr<const Picture> get(const std::string& path);

 private:
  std::mutex mutex_{};
  std::string path_{};
  std::shared_ptr<const Picture> picture_{};
};

/// A whole picture, its longer side as LoaderOptions::size says. Throws DataError, also where its size is not that of
/// its labels.
ScaledPicture load(const LoaderEntry& entry, const LoaderOptions& options);
/// A tile of the picture. Throws DataError where it lies outside.
ScaledPicture cut(const Picture& picture, const LoaderEntry& entry, int size);

}  // namespace joist
