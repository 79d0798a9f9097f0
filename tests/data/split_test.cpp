// Parts of a data set, and pictures that are alike.
#include <joist/data/check.h>
#include <joist/data/encode.h>
#include <joist/data/near_duplicates.h>
#include <joist/data/split.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <map>
#include <set>

namespace joist::test {
namespace {

Sample sample_at(const std::string& path, const std::vector<int>& classes) {
  Sample sample{.path = path, .width = 100, .height = 80};
  for (const int c : classes) sample.annotations.push_back({.box = {1, 1, 9, 9}, .category = c});
  return sample;
}

/// Twenty cameras with ten frames each; class 1 is rare, class 0 common.
Dataset cameras() {
  Dataset data{.categories = {"helmet", "person"}, .category_ids = {1, 2}};
  for (int camera = 0; camera < 20; ++camera) {
    for (int frame = 0; frame < 10; ++frame) {
      std::vector<int> classes = {0, 0};
      if (camera % 5 == 0) classes.push_back(1);
      data.samples.push_back(
          sample_at("site/cam" + std::to_string(camera) + "_" + std::to_string(frame) + ".jpg", classes));
    }
  }
  return data;
}

std::map<std::string, std::set<std::string>> cameras_by_part(const Dataset& data) {
  std::map<std::string, std::set<std::string>> parts;
  for (const Sample& sample : data.samples) parts[sample.split].insert(sample.path.substr(0, sample.path.rfind('_')));
  return parts;
}

TEST(Split, KeepsCamerasTogetherAndSharesClasses) {
  Dataset data = cameras();
  const SplitReport report = split(data, {.val = 0.25, .compare_pictures = false});
  EXPECT_EQ(report.grouped_by, "prefix");
  EXPECT_EQ(report.groups, 20);
  const auto parts = cameras_by_part(data);
  for (const std::string& camera : parts.at("val")) EXPECT_FALSE(parts.at("train").contains(camera)) << camera;
  ASSERT_EQ(report.parts.size(), 2U);
  EXPECT_EQ(report.parts[0].pictures, 150);
  EXPECT_EQ(report.parts[1].pictures, 50);
  EXPECT_EQ(report.parts[1].boxes, (std::vector<std::int64_t>{100, 10})) << "a quarter of the rare class, too";
}

TEST(Split, DependsOnTheSeedAndNotOnTheOrder) {
  Dataset first = cameras();
  Dataset again = cameras();
  std::reverse(again.samples.begin(), again.samples.end());
  Dataset other = cameras();
  split(first, {.seed = 1, .compare_pictures = false});
  split(again, {.seed = 1, .compare_pictures = false});
  split(other, {.seed = 2, .compare_pictures = false});
  EXPECT_EQ(cameras_by_part(first), cameras_by_part(again));
  EXPECT_NE(cameras_by_part(first), cameras_by_part(other));
}

TEST(Split, Groups) {
  Dataset data = cameras();
  EXPECT_EQ(split(data, {.group = "none", .compare_pictures = false}).groups, 200);
  EXPECT_EQ(split(data, {.group = "cam[0-9]", .compare_pictures = false}).groups, 9 + 1);
  EXPECT_EQ(split(data, {.val = 0.2, .test = 0.2, .compare_pictures = false}).parts.size(), 3U);
  EXPECT_THROW(split(data, {.group = "(", .compare_pictures = false}), UsageError);
  EXPECT_THROW(split(data, {.val = 0.5, .test = 0.5, .compare_pictures = false}), UsageError);
  Dataset numbers;  // one prefix for all: no cameras
  for (int i = 0; i < 10; ++i) numbers.samples.push_back(sample_at("2007_00" + std::to_string(i) + ".jpg", {}));
  EXPECT_EQ(split(numbers, {.compare_pictures = false}).grouped_by, "none");
}

class Alike : public ::testing::Test {
 protected:
  void add(const std::string& name, const Picture& picture, int quality) {
    write_jpeg(folder_ / name, picture, quality);
    data_.samples.push_back(sample_at(folder_ / name, {0}));
  }

  static Picture scene(int seed) {
    Picture picture(160, 120);
    for (int y = 0; y < 120; ++y) {
      for (int x = 0; x < 160; ++x) {
        const int block = (x / 20 + seed) * 37 + (y / 20) * 59 * (seed + 1);
        for (int c = 0; c < 3; ++c) picture.at(x, y)[c] = static_cast<std::uint8_t>(block % 251);
      }
    }
    return picture;
  }

  TemporaryFolder folder_;
  Dataset data_{.categories = {"a"}, .category_ids = {1}};
};

TEST_F(Alike, FindsCopiesAndRecompressedPictures) {
  add("a.jpg", scene(1), 95);
  add("b.jpg", scene(2), 95);
  add("c.jpg", scene(1), 60);
  add("d.jpg", scene(3), 95);
  add("e.jpg", scene(2), 95);
  add("grey.jpg", Picture(160, 120, 128), 95);
  add("also_grey.jpg", Picture(160, 120, 130), 95);
  const auto pairs = alike(sketches(data_));
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(std::tuple(pairs[0].first, pairs[0].second, pairs[0].is_same_file), std::tuple(0U, 2U, false));
  EXPECT_EQ(std::tuple(pairs[1].first, pairs[1].second, pairs[1].is_same_file), std::tuple(1U, 4U, true));
}

TEST_F(Alike, StayInOnePart) {
  for (int i = 0; i < 10; ++i) {
    add("a" + std::to_string(i) + ".jpg", scene(i), 95);
    add("b" + std::to_string(i) + "x.jpg", scene(i), 70);
  }
  const SplitReport report = split(data_, {.val = 0.3, .group = "none"});
  EXPECT_EQ(report.alike, 10);
  for (std::size_t i = 0; i < data_.samples.size(); i += 2)
    EXPECT_EQ(data_.samples[i].split, data_.samples[i + 1].split);
}

TEST_F(Alike, LeaksAreNamed) {
  for (int i = 0; i < 4; ++i) add("a" + std::to_string(i) + ".jpg", scene(i), 95);
  Dataset val = data_;
  val.samples.erase(val.samples.begin() + 1, val.samples.end());
  data_.samples.erase(data_.samples.begin() + 2);
  write_jpeg(folder_ / "new.jpg", scene(9));
  val.samples.push_back(sample_at(folder_ / "new.jpg", {0}));
  const auto found = leaks(data_, val);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, "picture in two parts");
  EXPECT_HAS(found[0].what, "a0.jpg");
}

TEST_F(Alike, ALossAboveTheLimitStops) {
  for (int i = 0; i < 4; ++i) add("a" + std::to_string(i) + ".jpg", scene(i), 95);
  for (Sample& sample : data_.samples) sample.width = 160, sample.height = 120;
  data_.samples[0].annotations.push_back({.box = {500, 500, 5, 5}, .where = "labels.csv:9"});
  Dataset copy = data_;
  EXPECT_HAS(data_error([&] { check(copy, {.policy = Policy::repair, .max_loss = 0.01}); }), "1 of 5 boxes");
  copy = data_;
  const CheckReport report = check(copy, {.policy = Policy::repair, .max_loss = 0.5});
  EXPECT_EQ(report.lost_boxes, 1);
  EXPECT_EQ(report.boxes, 4);
  copy = data_;
  copy.samples[1].annotations[0].box = {500, 500, 5, 5};
  check(copy, {.policy = Policy::drop});
  EXPECT_EQ(copy.samples.size(), 3U) << "a picture that lost all its boxes is not background";
}

}  // namespace
}  // namespace joist::test
