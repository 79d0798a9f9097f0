// What several tiles find of one object becomes one detection.
#include <joist/tools/training/tiled_detections.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

class Merging : public testing::Test {
 protected:
  // Two pictures of 100 × 50; tiles of 60 with 20 in common: 0 … 60 and 40 … 100.
  Merging() {
    for (int i = 1; i <= 2; ++i)
      whole.samples.push_back({.path = std::to_string(i), .id = i, .width = 100, .height = 50});
    tiles = tile_views(whole, {.size = 60, .overlap = 20});
  }
  static TileDetection at(std::size_t window, Box box, double score, std::int64_t category = 1) {
    return {{.image_id = window < 2 ? 1 : 2, .category_id = category, .box = box, .score = score}, window};
  }
  Dataset whole;
  TiledDataset tiles;
};

TEST_F(Merging, KeepsOneOfTheSameObject) {
  ASSERT_EQ(tiles.windows.size(), 4U);
  const auto merged = merge_tiles({at(0, {42, 10, 10, 10}, 0.6), at(1, {42.5, 10, 10, 10}, 0.9)}, tiles, whole);
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].score, 0.9);
}

TEST_F(Merging, PrefersTheWholeObjectToItsPart) {
  // 45 … 75: the first tile sees it cut off at 60, and is surer.
  const auto merged = merge_tiles({at(0, {45, 10, 15, 10}, 0.95), at(1, {45, 10, 30, 10}, 0.5)}, tiles, whole);
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].box.width, 30);
}

TEST_F(Merging, LeavesOtherObjectsAlone) {
  // One tile's own answers, other classes, other pictures, neighbours, and a small object inside a large one.
  const std::vector<TileDetection> found{at(0, {10, 10, 10, 10}, 0.9),    at(0, {11, 10, 10, 10}, 0.8),
                                         at(1, {42, 10, 10, 10}, 0.9, 1), at(0, {42, 10, 10, 10}, 0.8, 2),
                                         at(2, {42, 10, 10, 10}, 0.7),    at(0, {42, 25, 6, 6}, 0.9),
                                         at(1, {41.9, 20, 40, 25}, 0.8)};
  EXPECT_EQ(merge_tiles(found, tiles, whole).size(), found.size());
  EXPECT_TRUE(merge_tiles({}, tiles, whole).empty());
}

}  // namespace
}  // namespace joist
