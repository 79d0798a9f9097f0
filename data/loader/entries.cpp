#include <joist/core/error.h>
#include <joist/data/decode.h>
#include <joist/data/loader/cache.h>
#include <joist/data/loader/entries.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace joist {

void LoaderEntry::boxes_in(const Letterbox& frame, std::vector<LabelledBox>& boxes) const {
  boxes.clear();
  for (const Object& object : objects) boxes.push_back(frame.inside(object.box, object.category));
}

bool LoaderEntry::has_outlines() const {
  return std::any_of(objects.begin(), objects.end(), [](const Object& object) { return object.outline != nullptr; });
}

std::vector<ObjectShape> LoaderEntry::shapes_in(const Letterbox& frame) const {
  std::vector<ObjectShape> shapes;
  for (const Object& object : objects) shapes.push_back(object.outline ? frame.inside(*object.outline) : ObjectShape{});
  return shapes;
}

std::vector<LoaderEntry> entries_of(const Dataset& dataset) {
  std::vector<LoaderEntry> entries;
  entries.reserve(dataset.samples.size());
  for (const Sample& sample : dataset.samples) {
    LoaderEntry& entry = entries.emplace_back(LoaderEntry{sample.path, sample.width, sample.height, {}});
    for (const Annotation& annotation : sample.annotations) {
      if (!annotation.crowd) entry.objects.push_back({annotation.box, annotation.category, annotation.outline});
    }
  }
  return entries;
}

std::vector<LoaderEntry> entries_of(const TiledDataset& tiles) {
  std::vector<LoaderEntry> entries = entries_of(tiles.dataset);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].window = tiles.windows[i];
  return entries;
}

std::shared_ptr<const Picture> LargePicture::get(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (path == path_) return picture_;
  }
  auto picture =
      std::make_shared<const Picture>(decode(path, {.max_pixels = max_tiled_pixels, .max_bytes = max_tiled_bytes}));
  const std::lock_guard lock(mutex_);
  path_ = path;
  picture_ = picture;
  return picture;
}

ScaledPicture cut(const Picture& picture, const LoaderEntry& entry, int size) {
  const TileWindow& window = entry.window;
  if (window.x + window.width > picture.width || window.y + window.height > picture.height) {
    throw DataError({.where = entry.path,
                     .what = "the picture has " + std::to_string(picture.width) + "×" + std::to_string(picture.height) +
                             " pixels, and a tile lies outside",
                     .expected = "the size that the annotations say",
                     .remedy = "`joist data check` with a policy that repairs"});
  }
  Picture tile(window.width, window.height);
  for (int y = 0; y < window.height; ++y)
    std::memcpy(tile.at(0, y), picture.at(window.x, window.y + y), static_cast<std::size_t>(window.width) * 3);
  return scaled_to(std::move(tile), size);
}

ScaledPicture load(const LoaderEntry& entry, const LoaderOptions& options) {
  ScaledPicture scaled = options.cache_folder.empty() ? load_scaled(entry.path, options.size)
                                                      : load_kept(entry.path, options.size, options.cache_folder);
  if (entry.width > 0 && (entry.width != scaled.full_width || entry.height != scaled.full_height)) {
    throw DataError({.where = entry.path,
                     .what = "the picture has " + std::to_string(scaled.full_width) + "×" +
                             std::to_string(scaled.full_height) + " pixels",
                     .expected = std::to_string(entry.width) + "×" + std::to_string(entry.height) +
                                 ", as the annotations say: their boxes would lie wrong",
                     .remedy = "`joist data check` with a policy that repairs"});
  }
  return scaled;
}

}  // namespace joist
