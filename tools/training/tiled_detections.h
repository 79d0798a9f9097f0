// Detections on the tiles of a picture, brought together.
#pragma once

#include <joist/data/metrics/coco.h>
#include <joist/data/tile.h>

#include <vector>

namespace joist {

/// A detection on a tile, in pixels of the whole picture.
struct TileDetection {
  Detection detection{};
  std::size_t window = 0;  ///< index into the windows
};

/// Where tiles overlap, one object is found several times, whole or cut off at a tile's edge. Of boxes of one picture
/// and class from different tiles, one is left out that overlaps a better one by more than half, or that is cut off and
/// lies in another almost entirely; whole boxes come before cut ones, then those of higher score.
std::vector<Detection> merge_tiles(std::vector<TileDetection> found, const TiledDataset& tiles, const Dataset& whole);

}  // namespace joist
