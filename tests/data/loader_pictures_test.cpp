// Batches for classifiers, from memory and from files.
#include <joist/core/error.h>
#include <joist/data/encode.h>
#include <joist/data/loader.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

// n grey pictures of 6 × 4 pixels; picture i is all i.
PictureSet numbered(int n) {
  PictureSet set{.height = 4, .width = 6, .channels = 1};
  for (int i = 0; i < n; ++i) {
    set.labels.push_back(i % 10);
    set.pixels.insert(set.pixels.end(), 24, static_cast<std::uint8_t>(i));
  }
  return set;
}

std::vector<std::vector<float>> epoch(PictureLoader& loader, std::int64_t number, std::int64_t step = 0) {
  std::vector<std::vector<float>> batches;
  loader.start(number, step);
  while (const PictureBatch* batch = loader.next()) {
    batches.push_back(batch->pictures.to_vector<float>());
    for (const auto label : batch->labels.to_vector<std::int64_t>())
      batches.back().push_back(static_cast<float>(label));
  }
  return batches;
}

TEST(PictureLoader, GivesPicturesInMemoryWithTheirLabels) {
  PictureLoader loader(numbered(25), in_order({.batch = 10}));
  EXPECT_EQ(loader.steps(), 3);
  loader.start(0);
  std::int64_t next = 0;
  while (const PictureBatch* batch = loader.next()) {
    EXPECT_EQ(batch->pictures.shape(), (Shape{batch->size(), 1, 4, 6}));
    EXPECT_EQ(batch->labels.shape(), (Shape{batch->size()}));
    const auto labels = batch->labels.to_vector<std::int64_t>();
    const auto values = batch->pictures.to_vector<float>();
    for (std::size_t i = 0; i < labels.size(); ++i, ++next) {
      EXPECT_EQ(batch->samples[i], static_cast<std::size_t>(next));
      EXPECT_EQ(labels[i], next % 10);
      EXPECT_EQ(values[i * 24 + 23], static_cast<float>(next) / 255.0F);
    }
  }
  EXPECT_EQ(next, 25);
}

TEST(PictureLoader, GivesTheSameForAnyNumberOfThreads) {
  const CropOptions crop{.pad = 2, .flip_horizontal = 0.5F, .mean = {0.3F}, .deviation = {0.2F}};
  PictureLoader inline_loader(numbered(50), {.batch = 8, .seed = 5, .threads = 0}, crop, true);
  const auto first = epoch(inline_loader, 0), second = epoch(inline_loader, 1);
  ASSERT_EQ(first.size(), 6U);
  EXPECT_NE(first, second);
  for (const int threads : {1, 2, 4}) {
    PictureLoader loader(numbered(50), {.batch = 8, .seed = 5, .threads = threads}, crop, true);
    EXPECT_EQ(epoch(loader, 0), first);
    EXPECT_EQ(epoch(loader, 1, 4), std::vector(second.begin() + 4, second.end()));
  }
}

TEST(PictureLoader, GivesASampleTheSameWindowInAnyBatch) {
  const CropOptions crop{.pad = 2, .flip_horizontal = 0.5F};
  PictureLoader whole(numbered(50), {.batch = 50}, crop, true), single(numbered(50), {.batch = 1}, crop, true);
  whole.start(3);
  single.start(3);
  const PictureBatch& all = *whole.next();
  for (std::int64_t i = 0; i < 50; ++i) {
    const PictureBatch& one = *single.next();
    EXPECT_EQ(one.samples[0], all.samples[static_cast<std::size_t>(i)]);
    EXPECT_EQ(one.pictures.to_vector<float>(), all.pictures.sliced(0, i, i + 1).to_vector<float>());
  }
}

TEST(PictureLoader, TakesSquaresOutOfFiles) {
  const test::TemporaryFolder folder;
  PictureSet set;
  for (int i = 0; i < 6; ++i) {
    Picture picture(40 + 20 * i, 40, 20);  // the middle 40 columns are light
    for (int y = 0; y < 40; ++y) std::fill_n(picture.at(10 * i, y), 120, std::uint8_t{220});
    set.paths.push_back(folder / (std::to_string(i) + "图片.png"));
    set.labels.push_back(i);
    write_png(set.paths.back(), picture);
  }
  PictureLoader middle(set, in_order({.batch = 6, .size = 20}));
  middle.start(0);
  const PictureBatch* batch = middle.next();
  EXPECT_EQ(batch->pictures.shape(), (Shape{6, 3, 20, 20}));
  EXPECT_TRUE(batch->pictures.is_channels_last());
  const auto values = batch->pictures.to_vector<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t column = i % 20;
    if (column == 0 || column == 19) continue;  // half of the edge, where widths are odd
    ASSERT_NEAR(values[i] * 255, 220, 1) << i;
  }
  PictureLoader anywhere(set, {.batch = 6, .size = 20}, {.flip_horizontal = 0.5F}, true);
  std::set<std::vector<float>> seen;
  for (int number = 0; number < 4; ++number) seen.insert(epoch(anywhere, number)[0]);
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_LE(anywhere.statistics().decoded, 12);

  folder.write("3图片.png", "damaged");
  PictureLoader damaged(set, in_order({.batch = 2, .size = 20}));
  damaged.start(0);
  EXPECT_NE(damaged.next(), nullptr);
  EXPECT_HAS(test::data_error([&] { damaged.next(); }), "3图片.png");
}

TEST(PictureLoader, SurvivesStrips) {  // 1 pixel high: scaled up to the full size it would be 20 × 40,000
  const test::TemporaryFolder folder;
  const std::string path = folder / "strip.png";
  write_png(path, Picture(2000, 1, 100));
  PictureLoader loader({.labels = {0}, .paths = {path}}, in_order({.batch = 1, .size = 20}));
  loader.start(0);
  EXPECT_EQ(loader.next()->pictures.shape(), (Shape{1, 3, 20, 20}));
  EXPECT_LT(loader.statistics().cached_bytes, 20 * 20 * 8 * 3 + 1);
}

TEST(PictureLoader, RefusesSetsThatDoNotFitTogether) {
  PictureSet set = numbered(5);
  set.labels.pop_back();
  EXPECT_HAS(test::data_error([&] { PictureLoader(set, {}); }), "4 labels");
  EXPECT_THROW(PictureLoader({}, {}), DataError);
  EXPECT_THROW(PictureLoader({.labels = {1, 2}, .paths = {"a"}}, {}), DataError);
  PictureSet both = numbered(1);
  both.paths = {"a"};
  EXPECT_THROW(PictureLoader(both, {}), DataError);
  EXPECT_THROW(PictureLoader(numbered(3), {}, {.mean = {1, 2, 3}}), UsageError);
}

TEST(PictureLoader, TakesIdxSets) {
  const PictureSet set = picture_set({.count = 2, .height = 1, .width = 2, .pixels = {1, 2, 3, 4}, .labels = {7, 9}});
  EXPECT_EQ(set.labels, (std::vector<std::int64_t>{7, 9}));
  PictureLoader loader(set, in_order({.batch = 2}));
  loader.start(0);
  EXPECT_EQ(loader.next()->pictures.shape(), (Shape{2, 1, 1, 2}));
}

}  // namespace
}  // namespace joist
