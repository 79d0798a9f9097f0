// Large pictures cut into overlapping tiles of training size: aerial photographs, panoramas, scans.
#pragma once

#include <joist/data/dataset.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct TileOptions {
  int size = 640;     ///< side of a tile in pixels; a smaller picture gives one smaller tile
  int overlap = 64;   ///< at least this many pixels are shared with the next tile, so that no object is only seen cut
  double keep = 0.5;  ///< a box stays if at least this share of its area lies in the tile; it is clipped
  bool keep_empty = true;  ///< tiles without boxes are written too: they teach what is background
  int jpeg_quality = 0;    ///< 1..100 writes JPEG; 0 writes PNG, without loss
};

/// Cuts the pictures of `dataset` and writes `folder`/images/<name>_<x>_<y>.png and, as the last file,
/// `folder`/annotations.json (COCO). The tiles are laid evenly, the last ones against the right and lower edge. Returns
/// the tiles as a data set that read_dataset(folder) would give. Throws DataError for a picture, UsageError for
/// options, EnvironmentError for the disk.
Dataset tile(const Dataset& dataset, const std::string& folder, const TileOptions& options = {});

/// Where a tile lies in its picture, and which sample of the whole data set that is.
struct TileWindow {
  std::size_t sample = 0;
  int x = 0, y = 0, width = 0, height = 0;
};

/// Tiles without files: sample i of `dataset` is windows[i] of its picture file, its width and height those of the
/// tile.
struct TiledDataset {
  Dataset dataset{};
  std::vector<TileWindow> windows{};  ///< those of one picture stand together
};

/// The same tiles as tile() writes, to be cut while pictures are loaded. Each sample must have its picture's size, as
/// check() leaves it. Throws UsageError for options.
TiledDataset tile_views(const Dataset& dataset, const TileOptions& options = {});

/// Tiles lie in huge pictures; this is what decode() may take for them.
inline constexpr std::int64_t max_tiled_pixels = 1'000'000'000, max_tiled_bytes = std::int64_t{1} << 32;

/// Starts of the tiles along an axis of `length` pixels.
std::vector<int> tile_starts(int length, int size, int overlap);

}  // namespace joist
