#include <joist/data/augment/dataset_pool.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/check.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/data/tile.h>
#include <joist/tests/data/support.h>

namespace joist::test {
namespace {

Dataset aerial(const TemporaryFolder& folder, int width, int height, const std::vector<Box>& boxes) {
  write_png(folder / "航拍.png", gradient(width, height));
  Sample sample{.path = folder / "航拍.png", .id = 1, .width = width, .height = height};
  for (const Box& box : boxes) sample.annotations.push_back({.box = box, .area = box.area() / 2});
  return {.format = "", .source = "", .categories = {"树"}, .category_ids = {5}, .samples = {sample}};
}

TEST(Tile, StartsCoverTheAxisEvenly) {
  EXPECT_EQ(tile_starts(100, 100, 20), std::vector<int>{0});
  EXPECT_EQ(tile_starts(30, 100, 20), std::vector<int>{0});
  EXPECT_EQ(tile_starts(101, 100, 20), (std::vector<int>{0, 1}));
  EXPECT_EQ(tile_starts(180, 100, 20), (std::vector<int>{0, 80}));
  EXPECT_EQ(tile_starts(181, 100, 20), (std::vector<int>{0, 40, 81}));
  for (int length = 50; length < 700; ++length) {
    const auto starts = tile_starts(length, 64, 16);
    EXPECT_EQ(starts.front(), 0);
    EXPECT_EQ(starts.back(), std::max(0, length - 64));
    for (std::size_t i = 1; i < starts.size(); ++i) EXPECT_LE(starts[i] - starts[i - 1], 48) << length;
  }
}

TEST(Tile, CutsPicturesAndBoxes) {
  const TemporaryFolder folder;
  const Dataset data = aerial(folder, 150, 90, {{10, 10, 20, 20}, {90, 20, 20, 10}, {95, 50, 10, 10}});
  const Dataset tiles = tile(data, folder / "tiles", {.size = 100, .overlap = 50});
  ASSERT_EQ(tiles.samples.size(), 2U);
  const Sample& left = tiles.samples[0];
  const Sample& right = tiles.samples[1];
  EXPECT_EQ(left.width, 100);
  EXPECT_EQ(left.height, 90);
  ASSERT_EQ(left.annotations.size(), 3U);
  EXPECT_EQ(left.annotations[1].box, (Box{90, 20, 10, 10})) << "half of it is kept and clipped";
  EXPECT_EQ(left.annotations[1].area, 50);
  EXPECT_EQ(left.annotations[2].box, (Box{95, 50, 5, 10}));
  ASSERT_EQ(right.annotations.size(), 2U);
  EXPECT_EQ(right.annotations[0].box, (Box{40, 20, 20, 10}));
  const Picture whole = decode(data.samples[0].path);
  const Picture part = decode(right.path);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(part.at(3, 4)[k], whole.at(53, 4)[k]);
  EXPECT_EQ(tile(data, folder / "strict", {.size = 100, .overlap = 50, .keep = 0.51}).samples[0].annotations.size(),
            1U);
}

TEST(Tile, CutsOutlinesAndBringsThemToAugmentation) {
  const TemporaryFolder folder;
  Dataset data = aerial(folder, 150, 90, {{80, 20, 40, 20}, {0, 0, 9, 9}});
  Outline outline;
  outline.polygons = {{80, 20, 120, 20, 120, 40, 80, 40}};
  outline.keypoints = {{85, 25, 2}, {115, 30, 2}};
  data.samples[0].annotations[0].outline = std::make_shared<const Outline>(outline);
  const Dataset tiles = tile(data, folder / "tiles", {.size = 100, .overlap = 50});
  const Outline& left = *tiles.samples[0].annotations[0].outline;
  EXPECT_EQ(bounds(left.polygons), (Box{80, 20, 20, 20}));
  EXPECT_EQ(polygon_area(left.polygons[0]), 400);
  EXPECT_EQ(left.keypoints[0], (Keypoint{85, 25, 2}));
  EXPECT_EQ(left.keypoints[1], (Keypoint{0, 0, 0})) << "the right tile shows it";
  EXPECT_EQ(tiles.samples[1].annotations[0].outline->keypoints[1], (Keypoint{65, 30, 2}));
  EXPECT_EQ(tiles.samples[0].annotations[1].outline, nullptr);
  // The same outlines, at the size of training.
  const DatasetPool pool(data, 75);
  std::vector<LabelledBox> boxes;
  pool.load(0, boxes);
  const std::vector<ObjectShape> shapes = pool.shapes(0);
  ASSERT_EQ(shapes.size(), boxes.size());
  const LabelledBox around = bounds(shapes[0].outline[0], boxes[0].category);
  EXPECT_NEAR(around.x1, boxes[0].x1, 1e-4);
  EXPECT_NEAR(around.y2, boxes[0].y2, 1e-4);
  EXPECT_NEAR(shapes[0].keypoints[1].x, 57.5, 1e-4);
  EXPECT_TRUE(shapes[1].outline.empty());
}

TEST(Tile, GivesWhatReadingTheFolderGives) {
  const TemporaryFolder folder;
  const Dataset tiles = tile(aerial(folder, 300, 200, {{10, 10, 20.5, 20}, {200, 120, 50, 50}}), folder / "tiles",
                             {.size = 128, .overlap = 32});
  Dataset again = read_dataset(folder / "tiles");
  EXPECT_TRUE(check(again).findings.empty());
  EXPECT_EQ(again.categories, tiles.categories);
  EXPECT_EQ(again.category_ids, tiles.category_ids);
  ASSERT_EQ(again.samples.size(), tiles.samples.size());
  for (std::size_t i = 0; i < tiles.samples.size(); ++i) {
    EXPECT_EQ(again.samples[i].path, tiles.samples[i].path);
    EXPECT_EQ(again.samples[i].where, tiles.samples[i].where);
    ASSERT_EQ(again.samples[i].annotations.size(), tiles.samples[i].annotations.size());
    for (std::size_t k = 0; k < tiles.samples[i].annotations.size(); ++k) {
      EXPECT_EQ(again.samples[i].annotations[k].box, tiles.samples[i].annotations[k].box);
      EXPECT_EQ(again.samples[i].annotations[k].where, tiles.samples[i].annotations[k].where);
    }
  }
}

TEST(Tile, LeavesOutEmptyTilesOnRequestAndWritesJpeg) {
  const TemporaryFolder folder;
  const Dataset data = aerial(folder, 256, 128, {{10, 10, 20, 20}});
  const Dataset tiles =
      tile(data, folder / "tiles", {.size = 128, .overlap = 0, .keep_empty = false, .jpeg_quality = 90});
  ASSERT_EQ(tiles.samples.size(), 1U);
  EXPECT_EQ(probe(tiles.samples[0].path).format, "JPEG");
}

TEST(Tile, RefusesSenselessOptions) {
  const TemporaryFolder folder;
  const Dataset data = aerial(folder, 20, 20, {});
  for (const TileOptions& options : {TileOptions{.size = 0}, TileOptions{.size = 10, .overlap = 10},
                                     TileOptions{.overlap = -1}, TileOptions{.keep = 0}, TileOptions{.keep = 1.5}}) {
    EXPECT_THROW(tile(data, folder / "tiles", options), UsageError);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "tiles"));
}

}  // namespace
}  // namespace joist::test
