#include <joist/core/error.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/data/tile.h>
#include <joist/data/write.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <unordered_set>

namespace joist {
namespace {

namespace fs = std::filesystem;

struct Window {
  int x;
  int y;
  int width;
  int height;
};

Picture cut(const Picture& picture, const Window& window) {
  Picture tile(window.width, window.height);
  for (int y = 0; y < window.height; ++y) {
    std::memcpy(tile.at(0, y), picture.at(window.x, window.y + y), static_cast<std::size_t>(window.width) * 3);
  }
  return tile;
}

/// The part of an outline that a tile shows. A mask of run lengths is left out, and so are outlines of which nothing is
/// left but the box.
std::shared_ptr<const Outline> cut(const std::shared_ptr<const Outline>& whole, const Window& window) {
  if (!whole) return nullptr;
  Outline part;
  for (const std::vector<double>& polygon : whole->polygons) {
    Polygon moved;
    for (std::size_t i = 0; i + 1 < polygon.size(); i += 2)
      moved.push_back({static_cast<float>(polygon[i] - window.x), static_cast<float>(polygon[i + 1] - window.y)});
    const Polygon inside = clipped(moved, 0, 0, static_cast<float>(window.width), static_cast<float>(window.height));
    if (inside.size() < 3) continue;
    auto& corners = part.polygons.emplace_back();
    for (const Vertex& corner : inside) {
      corners.push_back(static_cast<double>(corner.x));
      corners.push_back(static_cast<double>(corner.y));
    }
  }
  for (const Keypoint& point : whole->keypoints) {
    const double x = point.x - window.x, y = point.y - window.y;
    const bool is_there = x >= 0 && y >= 0 && x <= window.width && y <= window.height;
    part.keypoints.push_back(is_there ? Keypoint{x, y, point.visibility} : Keypoint{});
  }
  if (part == Outline{}) return nullptr;
  return std::make_shared<const Outline>(std::move(part));
}

std::vector<Annotation> annotations_in(const Sample& sample, const Window& window, double keep) {
  std::vector<Annotation> kept;
  for (const Annotation& annotation : sample.annotations) {
    const Box& box = annotation.box;
    const double left = std::max(box.x - window.x, 0.0);
    const double top = std::max(box.y - window.y, 0.0);
    const double width = std::min(box.right() - window.x, static_cast<double>(window.width)) - left;
    const double height = std::min(box.bottom() - window.y, static_cast<double>(window.height)) - top;
    if (width <= 0 || height <= 0 || width * height < keep * box.area()) continue;
    Annotation inside = annotation;
    inside.box = {left, top, width, height};
    inside.outline = cut(annotation.outline, window);
    inside.area = annotation.area * (inside.box.area() / box.area());
    kept.push_back(std::move(inside));
  }
  return kept;
}

void check_options(const TileOptions& options) {
  if (options.size < 1 || options.overlap < 0 || options.overlap >= options.size) {
    throw UsageError({.what = "tiles of " + std::to_string(options.size) + " pixels that overlap by " +
                              std::to_string(options.overlap),
                      .expected = "a size of at least 1 and an overlap from 0 to less than the size"});
  }
  if (!(options.keep > 0 && options.keep <= 1)) {
    throw UsageError(
        {.what = "boxes kept from a share of " + std::to_string(options.keep), .expected = "above 0, at most 1"});
  }
}

/// Names of tiles; pictures of one name from different folders are told apart by a number.
std::string unused_stem(const std::string& path, std::unordered_set<std::string>& used) {
  const std::string stem = fs::path(path).stem().string();
  std::string name = stem;
  for (int i = 2; !used.insert(name).second; ++i) name = stem + "-" + std::to_string(i);
  return name;
}

}  // namespace

std::vector<int> tile_starts(int length, int size, int overlap) {
  if (length <= size) return {0};
  const int last = length - size;
  const int steps = (last + size - overlap - 1) / (size - overlap);  // rounded up
  std::vector<int> starts;
  for (int i = 0; i <= steps; ++i) {
    starts.push_back(static_cast<int>(static_cast<std::int64_t>(last) * i / steps));
  }
  return starts;
}

Dataset tile(const Dataset& dataset, const std::string& folder, const TileOptions& options) {
  check_options(options);
  const std::string labels = (fs::path(folder) / "annotations.json").string();
  Dataset tiles{.format = "COCO JSON",
                .source = labels,
                .categories = dataset.categories,
                .category_ids = dataset.category_ids,
                .samples = {}};
  std::unordered_set<std::string> used;
  std::int64_t boxes = 0;
  for (const Sample& sample : dataset.samples) {
    const Picture picture = decode(sample.path, {.max_pixels = max_tiled_pixels, .max_bytes = max_tiled_bytes});
    const std::string stem = unused_stem(sample.path, used);
    for (const int y : tile_starts(picture.height, options.size, options.overlap)) {
      for (const int x : tile_starts(picture.width, options.size, options.overlap)) {
        const Window window{x, y, std::min(options.size, picture.width), std::min(options.size, picture.height)};
        Sample cutting;
        cutting.annotations = annotations_in(sample, window, options.keep);
        if (cutting.annotations.empty() && !options.keep_empty) continue;
        const std::string name = stem + "_" + std::to_string(x) + "_" + std::to_string(y);
        const fs::path path = fs::path(folder) / "images" / (name + (options.jpeg_quality > 0 ? ".jpg" : ".png"));
        cutting.path = path.string();
        cutting.where = labels + "#images[" + std::to_string(tiles.samples.size()) + "]";
        cutting.id = static_cast<std::int64_t>(tiles.samples.size()) + 1;
        cutting.width = window.width;
        cutting.height = window.height;
        for (auto& annotation : cutting.annotations) {
          annotation.where = labels + "#annotations[" + std::to_string(boxes) + "]";
          annotation.id = ++boxes;
        }
        const Picture part = cut(picture, window);
        options.jpeg_quality > 0 ? write_jpeg(cutting.path, part, options.jpeg_quality) : write_png(cutting.path, part);
        tiles.samples.push_back(std::move(cutting));
      }
    }
  }
  write_coco(tiles, labels);
  return tiles;
}

TiledDataset tile_views(const Dataset& dataset, const TileOptions& options) {
  check_options(options);
  TiledDataset tiles;
  tiles.dataset = {.format = dataset.format,
                   .source = dataset.source,
                   .categories = dataset.categories,
                   .category_ids = dataset.category_ids,
                   .samples = {}};
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    if (sample.width < 1 || sample.height < 1) {
      throw UsageError({.where = sample.path, .what = "tiles of a picture of unknown size", .remedy = "check() first"});
    }
    for (const int y : tile_starts(sample.height, options.size, options.overlap)) {
      for (const int x : tile_starts(sample.width, options.size, options.overlap)) {
        const Window window{x, y, std::min(options.size, sample.width), std::min(options.size, sample.height)};
        Sample part{.path = sample.path,
                    .id = sample.id,
                    .width = window.width,
                    .height = window.height,
                    .where = sample.where};
        part.annotations = annotations_in(sample, window, options.keep);
        if (part.annotations.empty() && !options.keep_empty) continue;
        tiles.dataset.samples.push_back(std::move(part));
        tiles.windows.push_back({i, x, y, window.width, window.height});
      }
    }
  }
  return tiles;
}

}  // namespace joist
