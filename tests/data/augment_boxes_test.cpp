// Boxes against masks: objects are drawn as pixels, go through an operation, and their box must be the one that the
// pixels give, within half a pixel.
#include <joist/data/augment/pipeline.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/augment/warp.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include <gtest/gtest.h>

namespace joist {
namespace {

constexpr KeepRule keep_all{.min_side = 0, .max_aspect = 0, .min_kept = 0};

struct Ellipse {
  double x, y, rx, ry;
  double edge(double u, double v) const { return std::hypot((u - x) / rx, (v - y) / ry) - 1; }  // negative: inside
};

// A smooth ellipse in one colour channel, which is also its category, with its outline and its centre as a keypoint.
class Ellipses final : public ExamplePool {
 public:
  explicit Ellipses(int size) : size_(size) {
    for (std::size_t sample = 0; sample < 3; ++sample) pictures_.push_back(drawn(sample));
  }
  std::size_t size() const override { return 3; }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    boxes = {bounds(outline(sample), static_cast<int>(sample))};
    return pictures_[sample];
  }
  std::vector<ObjectShape> shapes(std::size_t sample) const override {
    const Ellipse e = ellipse(sample);
    return {{{outline(sample)}, {{static_cast<float>(e.x), static_cast<float>(e.y), 2}}}};
  }

 private:
  std::shared_ptr<const Picture> drawn(std::size_t sample) const {
    auto picture = std::make_shared<Picture>(sample == 1 ? size_ * 3 / 4 : size_, sample == 2 ? size_ * 2 / 3 : size_);
    const Ellipse e = ellipse(sample);
    for (int y = 0; y < picture->height; ++y) {
      for (int x = 0; x < picture->width; ++x) {
        int inside = 0;  // of 64 places of the pixel
        for (int i = 0; i < 64; ++i) inside += e.edge(x + (i % 8 + 0.5) / 8, y + (i / 8 + 0.5) / 8) < 0;
        picture->at(x, y)[sample] = static_cast<std::uint8_t>(inside * 255 / 64);
      }
    }
    return picture;
  }
  Ellipse ellipse(std::size_t sample) const {
    const double s = size_;
    return sample == 0   ? Ellipse{0.45 * s, 0.55 * s, 0.3 * s, 0.2 * s}
           : sample == 1 ? Ellipse{0.4 * s, 0.5 * s, 0.15 * s, 0.33 * s}
                         : Ellipse{0.5 * s, 0.3 * s, 0.2 * s, 0.2 * s};
  }
  Polygon outline(std::size_t sample) const {
    const Ellipse e = ellipse(sample);
    Polygon polygon;
    for (int i = 0; i < 128; ++i) {
      const double angle = 2 * std::numbers::pi * i / 128;
      polygon.push_back(
          {static_cast<float>(e.x + e.rx * std::cos(angle)), static_cast<float>(e.y + e.ry * std::sin(angle))});
    }
    return polygon;
  }
  int size_;
  std::vector<std::shared_ptr<const Picture>> pictures_{};
};

// Where the brightest value of each column (or row) first rises above one half, between pixel centres; the far side by
// looking from the other end.
double first_rise(const std::vector<int>& profile, bool from_end) {
  const auto n = static_cast<int>(profile.size());
  const auto value = [&](int i) { return profile[static_cast<std::size_t>(from_end ? n - 1 - i : i)]; };
  for (int i = 0; i < n; ++i) {
    if (value(i) < 128) continue;
    const double at = i == 0 ? 0 : i + 0.5 - (value(i) - 127.5) / (value(i) - value(i - 1));
    return from_end ? n - at : at;
  }
  return std::nan("");
}

LabelledBox seen_box(const Picture& picture, int channel) {
  std::vector<int> columns(static_cast<std::size_t>(picture.width)), rows(static_cast<std::size_t>(picture.height));
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* pixel = picture.at(x, y);
      // Padding is grey, also where it is mixed with the black around the objects.
      const int value = pixel[channel] - std::min(pixel[(channel + 1) % 3], pixel[(channel + 2) % 3]);
      columns[static_cast<std::size_t>(x)] = std::max(columns[static_cast<std::size_t>(x)], value);
      rows[static_cast<std::size_t>(y)] = std::max(rows[static_cast<std::size_t>(y)], value);
    }
  }
  return {static_cast<float>(first_rise(columns, false)), static_cast<float>(first_rise(rows, false)),
          static_cast<float>(first_rise(columns, true)), static_cast<float>(first_rise(rows, true)), channel};
}

class BoxesOf : public testing::TestWithParam<AugmentOp> {};

TEST_P(BoxesOf, AreThoseOfThePixels) {
  constexpr int size = 120;
  const Ellipses pool(size);
  Pipeline pipeline({.list = {GetParam()}, .keep = keep_all}, size);
  int compared = 0;
  double worst = 0;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Example& example = pipeline(pool, seed, 0, seed % 3);
    ASSERT_EQ(example.shapes.size(), example.boxes.size());
    for (std::size_t i = 0; i < example.boxes.size(); ++i) {
      const LabelledBox& box = example.boxes[i];
      const auto same = [&](const LabelledBox& other) { return other.category == box.category; };
      if (std::count_if(example.boxes.begin(), example.boxes.end(), same) > 1) continue;
      // A sliver at the edge has too few pixels to be measured.
      if (box.width() < 6 || box.height() < 6) continue;
      const LabelledBox seen = seen_box(example.picture, box.category);
      ++compared;
      for (const float off : {box.x1 - seen.x1, box.y1 - seen.y1, box.x2 - seen.x2, box.y2 - seen.y2})
        worst = std::max(worst, static_cast<double>(std::abs(off)));
      EXPECT_LE(worst, 0.5) << box.x1 << " " << box.y1 << " " << box.x2 << " " << box.y2 << " seen " << seen.x1 << " "
                            << seen.y1 << " " << seen.x2 << " " << seen.y2;
      const LabelledKeypoint& centre = example.shapes[i].keypoints.at(0);
      if (centre.seen == 2) {
        EXPECT_GT(example.picture.at(static_cast<int>(centre.x), static_cast<int>(centre.y))[box.category], 127);
      }
    }
  }
  EXPECT_GE(compared, 20);
  RecordProperty("worst_offset", std::to_string(worst));
}

std::string name_of(const testing::TestParamInfo<AugmentOp>& info) {
  std::string name = info.param.op;
  for (const auto& [key, value] : info.param.settings) name += "_" + key;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Geometry, BoxesOf,
                         testing::Values(AugmentOp{"flip_horizontal"}, AugmentOp{"flip_vertical"},
                                         AugmentOp{"rotate90"}, AugmentOp{"rotate", {{"degrees", 180}}},
                                         AugmentOp{"scale"}, AugmentOp{"translate", {{"share", 0.4}}},
                                         AugmentOp{"shear", {{"degrees", 30}}},
                                         AugmentOp{"perspective", {{"strength", 0.5}}},
                                         AugmentOp{"affine", {{"degrees", 45}, {"shear", 10}, {"perspective", 0.2}}},
                                         AugmentOp{"affine", {{"scale", 0.3}}}, AugmentOp{"crop"},
                                         AugmentOp{"iou_crop"}, AugmentOp{"resized_crop", {{"least", 0.3}}},
                                         AugmentOp{"letterbox"}, AugmentOp{"stretch"}, AugmentOp{"zoom_out"},
                                         AugmentOp{"mosaic"}, AugmentOp{"mosaic", {{"grid", 3}}}),
                         name_of);

// A box without an outline stands for a filled rectangle. Its image has sharp corners, which pixels blunt: the mask is
// taken at sixteen places per pixel and side.
TEST(CarriedBoxes, AreThoseOfAFineMaskUnderAnyMap) {
  constexpr int width = 90, height = 70, fine = 16;
  Random random({5, Stream::test});
  int compared = 0;
  for (int seed = 0; seed < 40; ++seed) {
    const double angle = static_cast<double>(random.uniform(-3.1F, 3.1F)),
                 zoom = static_cast<double>(random.uniform(0.4F, 1.8F));
    ProjectiveMap map(AffineMap{zoom * std::cos(angle), zoom * std::sin(angle), 45, -zoom * std::sin(angle),
                                zoom * std::cos(angle), 35});
    map.m[6] = static_cast<double>(random.uniform(-0.004F, 0.004F));
    map.m[7] = static_cast<double>(random.uniform(-0.004F, 0.004F));
    const float left = random.uniform(-40.0F, 10.0F), top = random.uniform(-40.0F, 10.0F);
    const LabelledBox box{left, top, left + random.uniform(8.0F, 50.0F), top + random.uniform(8.0F, 50.0F), 1};
    Example from{{}, {box}, {}}, to;
    carry_labels(from, map, width, height, keep_all, to);
    const ProjectiveMap back = inverse(map);
    std::optional<LabelledBox> mask;
    for (int v = 0; v < height * fine; ++v) {
      for (int u = 0; u < width * fine; ++u) {
        const double px = (u + 0.5) / fine, py = (v + 0.5) / fine;
        const double w = back.m[6] * px + back.m[7] * py + back.m[8];
        const double x = (back.m[0] * px + back.m[1] * py + back.m[2]) / w,
                     y = (back.m[3] * px + back.m[4] * py + back.m[5]) / w;
        if (w <= 0 || x < box.x1 || x >= box.x2 || y < box.y1 || y >= box.y2) continue;
        const auto fx = static_cast<float>(px), fy = static_cast<float>(py);
        if (!mask) mask = {fx, fy, fx, fy, 1};
        *mask = {std::min(mask->x1, fx), std::min(mask->y1, fy), std::max(mask->x2, fx), std::max(mask->y2, fy), 1};
      }
    }
    ASSERT_EQ(mask.has_value(), !to.boxes.empty()) << seed;
    if (!mask) continue;
    ++compared;
    EXPECT_NEAR(to.boxes[0].x1, mask->x1, 0.5);
    EXPECT_NEAR(to.boxes[0].y1, mask->y1, 0.5);
    EXPECT_NEAR(to.boxes[0].x2, mask->x2, 0.5);
    EXPECT_NEAR(to.boxes[0].y2, mask->y2, 0.5);
  }
  EXPECT_GT(compared, 25);
}

TEST(Polygon, FillsTheColumnsWhoseCentresAreInside) {
  std::vector<PixelRun> found;
  runs({{{1, 0}, {4.6F, 0}, {4.6F, 3}, {1, 3}}, {{6, 0}, {20, 0}, {20, 3}, {6, 3}}}, 1, 10, found);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].begin, 1);
  EXPECT_EQ(found[0].end, 5);
  EXPECT_EQ(found[1].begin, 6);
  EXPECT_EQ(found[1].end, 10);
  runs({{{1, 0}, {4, 0}, {4, 3}, {1, 3}}}, 3, 10, found);
  EXPECT_TRUE(found.empty());
  EXPECT_TRUE(clipped(Polygon{{0, 0}, {1, 0}, {1, 1}}, 2, 2, 3, 3).empty());
  EXPECT_DOUBLE_EQ(area(clipped(Polygon{{0, 0}, {4, 0}, {4, 4}, {0, 4}}, 1, 1, 3, 9)), 6);
}

}  // namespace
}  // namespace joist
