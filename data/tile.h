// Large pictures cut into overlapping tiles of training size: aerial photographs, panoramas, scans.
#pragma once

#include <joist/data/dataset.h>

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

/// Starts of the tiles along an axis of `length` pixels.
std::vector<int> tile_starts(int length, int size, int overlap);

}  // namespace joist
