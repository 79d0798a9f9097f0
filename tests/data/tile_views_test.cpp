// Tiles that are cut while loading are the tiles that `joist data tile` writes.
#include <joist/core/error.h>
#include <joist/data/encode.h>
#include <joist/data/loader.h>
#include <joist/tests/data/support.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

class TileViews : public testing::Test {
 protected:
  TileViews() {
    data.categories = {"crack", "rust"};
    data.category_ids = {1, 2};
    const int sizes[][2] = {{150, 90}, {40, 30}, {70, 130}};
    for (const auto& [width, height] : sizes) {
      Sample sample{
          .path = folder / ("p" + std::to_string(width) + ".png"), .id = width, .width = width, .height = height};
      write_png(sample.path, test::gradient(width, height));
      for (int x = 5; x + 12 < width; x += 31)
        sample.annotations.push_back({.box = {x + 0.25, 7, 12, 20.5}, .category = x % 2, .area = 246});
      data.samples.push_back(sample);
    }
  }
  test::TemporaryFolder folder;
  Dataset data;
};

std::vector<std::vector<std::uint8_t>> pictures(DetectionLoader& loader, std::vector<std::vector<LabelledBox>>& boxes) {
  std::vector<std::vector<std::uint8_t>> all;
  loader.start(0);
  while (const DetectionBatch* batch = loader.next()) {
    all.push_back(batch->pictures.to_vector<std::uint8_t>());
    boxes.insert(boxes.end(), batch->boxes.begin(), batch->boxes.end());
  }
  return all;
}

TEST_F(TileViews, AreThoseThatAreWritten) {
  for (const bool keep_empty : {true, false}) {
    const TileOptions options{.size = 64, .overlap = 16, .keep_empty = keep_empty};
    const Dataset written = tile(data, folder / ("tiles" + std::to_string(keep_empty)), options);
    const TiledDataset views = tile_views(data, options);
    ASSERT_EQ(views.dataset.samples.size(), written.samples.size());
    ASSERT_EQ(views.windows.size(), written.samples.size());
    for (std::size_t i = 0; i < written.samples.size(); ++i) {
      EXPECT_EQ(views.windows[i].width, written.samples[i].width);
      EXPECT_EQ(views.dataset.samples[i].path, data.samples[views.windows[i].sample].path);
      ASSERT_EQ(views.dataset.samples[i].annotations.size(), written.samples[i].annotations.size());
      for (std::size_t k = 0; k < written.samples[i].annotations.size(); ++k)
        EXPECT_EQ(views.dataset.samples[i].annotations[k].box, written.samples[i].annotations[k].box);
    }
    for (const int threads : {0, 3}) {
      const LoaderOptions loading = in_order({.batch = 3, .size = 48, .threads = threads, .dtype = Dtype::uint8});
      DetectionLoader cutting(views, loading), reading(written, loading);
      std::vector<std::vector<LabelledBox>> cut_boxes, read_boxes;
      EXPECT_EQ(pictures(cutting, cut_boxes), pictures(reading, read_boxes));
      EXPECT_EQ(cut_boxes, read_boxes);
    }
  }
}

TEST_F(TileViews, TrainingDecodesAPictureOnceForAllItsTiles) {
  const TiledDataset views = tile_views(data, {.size = 32, .overlap = 8});
  ASSERT_GT(views.windows.size(), 20U);
  DetectionLoader loader(views, {.batch = 4, .size = 32, .seed = 1, .threads = 0}, AugmentOptions{});
  for (int epoch = 0; epoch < 2; ++epoch) {
    loader.start(epoch);
    while (loader.next() != nullptr) {
    }
  }
  EXPECT_EQ(loader.statistics().decoded, 3);
}

TEST_F(TileViews, RefusesWhatItCannotCut) {
  EXPECT_THROW(tile_views(data, {.size = 0}), UsageError);
  EXPECT_THROW(tile_views(data, {.size = 10, .overlap = 10}), UsageError);
  Dataset other = data;
  other.samples[0].width = 0;
  EXPECT_THROW(tile_views(other, {.size = 32, .overlap = 0}), UsageError);
  other.samples[0].width = 500;  // the file is smaller
  DetectionLoader loader(tile_views(other, {.size = 32, .overlap = 0}),
                         in_order({.batch = 2, .size = 32, .threads = 0}));
  EXPECT_HAS(test::data_error([&] {
               loader.start(0);
               while (loader.next() != nullptr) {
               }
             }),
             "150×90");
}

}  // namespace
}  // namespace joist
