// Lists of operations: what they accept, that they repeat, and that labels stay with what is seen.
#include <joist/core/error.h>
#include <joist/data/augment/pipeline.h>
#include <joist/data/augment/polygon.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

constexpr KeepRule keep_all{.min_side = 0, .max_aspect = 0, .min_kept = 0};

// Pictures of several shapes, down to a single pixel, with none, one or three objects.
class Pool final : public ExamplePool {
 public:
  explicit Pool(int size) : size_(size) {}
  std::size_t size() const override { return 6; }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    const int width = sample == 4 ? 1 : sample % 2 == 0 ? size_ : size_ * 2 / 3;
    const int height = sample == 5 ? 1 : sample % 2 == 0 ? size_ * 3 / 4 : size_;
    const auto w = static_cast<float>(width), h = static_cast<float>(height);
    boxes.clear();
    for (int i = 0; i < (sample == 0 ? 3 : sample == 1 ? 0 : 1); ++i) {
      const float left = 0.1F + 0.25F * static_cast<float>(i);
      boxes.push_back({left * w, 0.2F * h, (left + 0.2F) * w, 0.7F * h, i});
    }
    return std::make_shared<Picture>(test::gradient(width, height));
  }
  std::vector<ObjectShape> shapes(std::size_t sample) const override {
    std::vector<LabelledBox> boxes;
    std::vector<ObjectShape> result;
    if (sample % 3 == 2) return result;
    static_cast<void>(load(sample, boxes));
    for (const LabelledBox& box : boxes)
      result.push_back({{corners(box)}, {{(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, 2}, {0, 0, 0}}});
    return result;
  }

 private:
  int size_;
};

AugmentOp always(const AugmentOperation& operation) {
  AugmentOp op{operation.name, {{"p", 1}}, {}, ""};
  if (operation.kind == AugmentOperation::Kind::choice) op.of = {{"rotate"}, {"fog"}, {"crop"}};
  return op;
}

void expect_sound(const Example& example, int size) {
  ASSERT_EQ(example.picture.width, size);
  ASSERT_EQ(example.picture.height, size);
  ASSERT_EQ(example.picture.pixels.size(), static_cast<std::size_t>(size * size * 3));
  ASSERT_TRUE(example.shapes.empty() || example.shapes.size() == example.boxes.size());
  const auto most = static_cast<float>(size) * 1.00001F;
  for (const LabelledBox& box : example.boxes) {
    EXPECT_TRUE(box.x1 >= 0 && box.y1 >= 0 && box.x2 <= most && box.y2 <= most) << box.x1 << " " << box.x2;
    EXPECT_TRUE(box.x1 <= box.x2 && box.y1 <= box.y2);
  }
}

TEST(AugmentList, EveryOperationTakesEveryPictureAndRepeats) {
  for (const AugmentOperation& operation : augment_operations()) {
    for (const int size : {33, 128}) {
      const Pool pool(size);
      const AugmentList list{always(operation), always(operation)};
      Pipeline one({.list = list, .keep = keep_all}, size), other({.list = list, .keep = keep_all}, size);
      std::set<std::vector<std::uint8_t>> seen;
      for (std::uint32_t epoch = 0; epoch < 4; ++epoch) {
        for (std::size_t sample = 0; sample < pool.size(); ++sample) {
          SCOPED_TRACE(std::string(operation.name) + " epoch " + std::to_string(epoch) + " sample " +
                       std::to_string(sample));
          const Example first = one(pool, 7, epoch, sample);
          expect_sound(first, size);
          static_cast<void>(other(pool, 8, epoch + 9, (sample + 1) % pool.size()));  // leaves no trace
          const Example& again = other(pool, 7, epoch, sample);
          ASSERT_EQ(first.picture, again.picture);
          ASSERT_EQ(first.boxes, again.boxes);
          ASSERT_EQ(first.shapes, again.shapes);
          if (sample == 0) seen.insert(first.picture.pixels);
        }
      }
      const std::set<std::string> fixed{"letterbox", "stretch", "flip_horizontal", "flip_vertical",
                                        "grayscale", "invert",  "autocontrast",    "equalize"};
      if (size == 128) {
        EXPECT_EQ(seen.size() > 1, !fixed.contains(operation.name)) << operation.name;
      }
    }
  }
}

TEST(AugmentList, NamedListsWorkAndSaveAsText) {
  const Pool pool(64);
  for (const std::string& name : augment_list_names()) {
    const AugmentList list = named_augment_list(name);
    check(list);
    Pipeline pipeline({.list = list}, 64);
    for (std::size_t sample = 0; sample < pool.size(); ++sample) expect_sound(pipeline(pool, 1, 2, sample), 64);
    EXPECT_HAS(to_toml(list), "[[augment]]");
  }
  EXPECT_THROW(named_augment_list("defualt"), UsageError);
}

TEST(AugmentList, AnotherOperationLeavesTheNumbersOfTheOthersAlone) {
  const Pool pool(64);
  Pipeline plain({.list = {{"affine"}, {"flip_horizontal"}}}, 64);
  Pipeline more({.list = {{"affine"}, {"hsv"}, {"noise", {{"p", 1}}}, {"flip_horizontal"}, {"fog", {{"p", 1}}}}}, 64);
  for (std::uint32_t epoch = 0; epoch < 20; ++epoch)
    EXPECT_EQ(plain(pool, 3, epoch, 0).boxes, more(pool, 3, epoch, 0).boxes);
}

TEST(AugmentList, MixingBringsTheBoxesOfBoth) {
  const Pool pool(64);
  Pipeline mix({.list = {{"flip_horizontal"}, {"mixup", {{"p", 1}}}}, .keep = keep_all}, 64);
  std::size_t most = 0;
  for (std::uint32_t epoch = 0; epoch < 30; ++epoch) most = std::max(most, mix(pool, 1, epoch, 0).boxes.size());
  EXPECT_EQ(most, 6U);
  Pipeline nine({.list = {{"mosaic", {{"grid", 3}}}}, .keep = keep_all}, 64);
  for (std::uint32_t epoch = 0; epoch < 30; ++epoch) most = std::max(most, nine(pool, 1, epoch, 0).boxes.size());
  EXPECT_GT(most, 9U);
}

TEST(AugmentList, KeypointsChangeNamesInMirrors) {
  struct One final : ExamplePool {
    std::size_t size() const override { return 1; }
    std::shared_ptr<const Picture> load(std::size_t, std::vector<LabelledBox>& boxes) const override {
      boxes = {{10, 10, 30, 30, 0}};
      return std::make_shared<Picture>(64, 64);
    }
    std::vector<ObjectShape> shapes(std::size_t) const override {
      return {{{}, {{12, 15, 2}, {28, 16, 1}, {20, 20, 2}}}};
    }
  };
  Pipeline mirror({.list = {{"flip_horizontal", {{"p", 1}}}}, .mirrored_keypoints = {1, 0, 2}}, 64);
  const ObjectShape shape = mirror(One(), 0, 0, 0).shapes.at(0);
  EXPECT_EQ(shape.keypoints[0], (LabelledKeypoint{64 - 28, 16, 1}));
  EXPECT_EQ(shape.keypoints[1], (LabelledKeypoint{64 - 12, 15, 2}));
  EXPECT_EQ(shape.keypoints[2], (LabelledKeypoint{64 - 20, 20, 2}));
}

void expect_refused(const AugmentList& list, const char* a, const char* b) {
  try {
    Pipeline(PipelineOptions{.list = list}, 32);
    ADD_FAILURE() << "accepted: " << to_toml(list);
  } catch (const UsageError& error) {
    EXPECT_HAS(error.what(), a);
    EXPECT_HAS(error.what(), b);
  }
}

TEST(AugmentList, RefusesWhatItDoesNotKnow) {
  expect_refused({{"flip_horizontl"}}, "flip_horizontl", "flip_horizontal");
  expect_refused({{"rotate", {{"angle", 3}}}}, "angle", "degrees");
  expect_refused({{"rotate", {{"degrees", 300}}}}, "degrees is 300", "0 to 180");
  expect_refused({{"rain", {{"p", 1.5}}}}, "p is 1.5", "0 to 1");
  expect_refused({{"fog", {{"strength", std::numeric_limits<double>::quiet_NaN()}}}}, "strength", "0 to 1");
  expect_refused({{"one_of"}}, "nothing to choose", "of =");
  expect_refused({{"rain", {}, {{"fog"}}}}, "rain", "takes no operations");
  expect_refused({{"one_of", {}, {{"mixup"}}}}, "mixup", "an entry of the list");
  AugmentOp deep{"one_of", {}, {{"rain"}}};
  for (int i = 0; i < 5; ++i) deep = {"one_of", {}, {deep}};
  expect_refused({deep}, "one_of", "deep");
  EXPECT_THROW(Pipeline({}, 0), UsageError);
}

}  // namespace
}  // namespace joist
