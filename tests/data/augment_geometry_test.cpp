// Pictures and boxes must move together: rectangles of plain colour are drawn, augmented, and found again.
#include <joist/core/error.h>
#include <joist/data/augment.h>
#include <joist/data/augment/affine.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/resize.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include <gtest/gtest.h>

namespace joist {
namespace {

void fill(Picture& picture, int x1, int y1, int x2, int y2, int colour) {
  for (int y = y1; y < y2; ++y)
    for (int x = x1; x < x2; ++x)
      for (int c = 0; c < 3; ++c) picture.at(x, y)[c] = (colour >> c & 1) != 0 ? 255 : 0;
}

// Which of eight colours a pixel is nearest to; padding counts as black.
int colour_at(const Picture& picture, int x, int y) {
  const std::uint8_t* pixel = picture.at(x, y);
  return (pixel[0] > 127) + 2 * (pixel[1] > 127) + 4 * (pixel[2] > 127);
}

// Black pictures of several shapes with one rectangle of colour 1 … 7, which is also its category.
class Rectangles final : public ExamplePool {
 public:
  explicit Rectangles(int size) : size_(size) {}
  std::size_t size() const override { return 7; }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    const int colour = static_cast<int>(sample) + 1;
    const int width = sample % 2 == 0 ? size_ : size_ * 2 / 3,
              height = sample % 2 == 0 ? size_ * (colour + 3) / 10 : size_;
    auto picture = std::make_shared<Picture>(width, height);
    const int x1 = width / 5, y1 = height / 4, x2 = width * (4 + colour % 3) / 8, y2 = height * 3 / 4;
    fill(*picture, x1, y1, x2, y2, colour);
    boxes = {{static_cast<float>(x1), static_cast<float>(y1), static_cast<float>(x2), static_cast<float>(y2), colour}};
    return picture;
  }

 private:
  int size_;
};

AugmentOptions keeping_all() {
  AugmentOptions options;
  options.hue = options.saturation = options.value = 0;
  options.min_side = options.max_aspect = options.min_kept = 0;
  return options;
}

// The pixels of a colour in the part of the picture that a box covers, widened by one.
std::optional<LabelledBox> found(const Picture& picture, int colour, const LabelledBox& around) {
  std::optional<LabelledBox> box;
  const auto clip = [](float value, int most) { return std::clamp(static_cast<int>(std::lround(value)), 0, most); };
  for (int y = clip(around.y1 - 1, picture.height); y < clip(around.y2 + 1, picture.height); ++y) {
    for (int x = clip(around.x1 - 1, picture.width); x < clip(around.x2 + 1, picture.width); ++x) {
      if (colour_at(picture, x, y) != colour) continue;
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      if (!box) box = {fx, fy, fx + 1, fy + 1, colour};
      *box = {std::min(box->x1, fx), std::min(box->y1, fy), std::max(box->x2, fx + 1), std::max(box->y2, fy + 1),
              colour};
    }
  }
  return box;
}

void expect_near(const LabelledBox& a, const LabelledBox& b, float most) {
  EXPECT_NEAR(a.x1, b.x1, most);
  EXPECT_NEAR(a.y1, b.y1, most);
  EXPECT_NEAR(a.x2, b.x2, most);
  EXPECT_NEAR(a.y2, b.y2, most);
}

// Every coloured pixel lies in a box of its colour, and every box of two pixels or more reaches as far as its colour
// does.
void expect_boxes_fit(const Example& example, bool is_tight) {
  for (int y = 0; y < example.picture.height; ++y) {
    for (int x = 0; x < example.picture.width; ++x) {
      const int colour = colour_at(example.picture, x, y);
      const bool is_boxed = std::any_of(example.boxes.begin(), example.boxes.end(), [&](const LabelledBox& box) {
        const double cx = x + 0.5, cy = y + 0.5;
        return box.category == colour && cx > box.x1 - 1 && cx < box.x2 + 1 && cy > box.y1 - 1 && cy < box.y2 + 1;
      });
      ASSERT_TRUE(colour == 0 || is_boxed) << "colour " << colour << " at " << x << ", " << y;
    }
  }
  for (const LabelledBox& box : example.boxes) {
    if (!is_tight || box.width() < 2 || box.height() < 2) continue;
    const auto seen = found(example.picture, box.category, box);
    ASSERT_TRUE(seen) << "nothing of colour " << box.category;
    expect_near(*seen, box, 1.5F);
  }
}

TEST(Augment, BoxesFollowMosaicZoomShiftAndFlips) {
  const Rectangles pool(96);
  AugmentOptions options = keeping_all();
  options.flip_vertical = 0.5F;
  options.translate = 0.3F;  // far enough to show what lies beyond the canvas
  Augmenter augment(options, 96);
  std::size_t boxes = 0;
  for (std::uint32_t epoch = 0; epoch < 12; ++epoch) {
    for (std::size_t sample = 0; sample < pool.size(); ++sample) {
      SCOPED_TRACE("epoch " + std::to_string(epoch) + " sample " + std::to_string(sample));
      const Example& example = augment(pool, 5, epoch, sample);
      boxes += example.boxes.size();
      // Two copies of one picture may lie side by side; then a box need not end where its colour does.
      bool is_tight = true;
      for (std::size_t i = 0; i < example.boxes.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
          is_tight = is_tight && example.boxes[i].category != example.boxes[j].category;
      expect_boxes_fit(example, is_tight);
    }
  }
  EXPECT_GT(boxes, 150U);  // of 336 that went in
}

TEST(Augment, BoxesFollowSinglePictures) {
  const Rectangles pool(96);
  AugmentOptions options = keeping_all();
  options.mosaic = 0;
  Augmenter augment(options, 96);
  for (std::uint32_t epoch = 0; epoch < 12; ++epoch)
    for (std::size_t sample = 0; sample < pool.size(); ++sample)
      expect_boxes_fit(augment(pool, 6, epoch, sample), true);
}

TEST(Augment, BoxesEncloseWhatIsTurnedAndSlanted) {
  const Rectangles pool(96);
  AugmentOptions options = keeping_all();
  options.mosaic = options.translate = 0;
  options.scale = 0.2F;
  options.degrees = 40;
  options.shear = 10;
  Augmenter augment(options, 96);
  for (std::uint32_t epoch = 0; epoch < 12; ++epoch) {
    for (std::size_t sample = 0; sample < pool.size(); ++sample) {
      const Example& example = augment(pool, 7, epoch, sample);
      const LabelledBox box = example.boxes.at(0);
      const bool is_whole = box.x1 > 0 && box.y1 > 0 && box.x2 < 96 && box.y2 < 96;
      expect_boxes_fit(example, false);
      if (!is_whole) continue;
      const auto seen = found(example.picture, box.category, box);
      ASSERT_TRUE(seen);
      expect_near(*seen, box, 2);  // corners are points: less than half of their last pixel is coloured
    }
  }
}

TEST(Augment, DrawsWhatAWholeCanvasWouldShow) {
  Picture picture(40, 30);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<std::uint8_t>(i * i * 31 >> 4);
  const Placed places[] = {{&picture, 10, 20, 10, 20, 50, 50}, {&picture, 50, 20, 50, 20, 70, 50}};
  for (const AffineMap& map : {AffineMap{1.3, 0, -9.7, 0, 1.3, -21.1}, AffineMap{0.6, 0.2, 3.3, -0.25, 0.7, 11.2},
                               AffineMap{-0.9, 0.4, 70.5, 0.3, 1.1, -20.9}, AffineMap{0, 1.1, -9, -1.2, 0, 80}}) {
    Picture out(64, 64, pad_value);
    for (const Placed& place : places) draw(place, inverse(map), out);
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        const auto at = inverse(map)(x + 0.5, y + 0.5);
        double expected[3] = {pad_value, pad_value, pad_value};
        for (const Placed& place : places) {
          if (at.x < place.x1 || at.x >= place.x2 || at.y < place.y1 || at.y >= place.y2) continue;
          const double u = std::clamp(at.x - place.left - 0.5, 0.0, 39.0),
                       v = std::clamp(at.y - place.top - 0.5, 0.0, 29.0);
          const int i = std::min(static_cast<int>(u), 38), j = std::min(static_cast<int>(v), 28);
          for (int c = 0; c < 3; ++c) {
            const double upper = picture.at(i, j)[c] * (i + 1 - u) + picture.at(i + 1, j)[c] * (u - i);
            const double lower = picture.at(i, j + 1)[c] * (i + 1 - u) + picture.at(i + 1, j + 1)[c] * (u - i);
            expected[c] = upper * (j + 1 - v) + lower * (v - j);
          }
        }
        for (int c = 0; c < 3; ++c) ASSERT_NEAR(out.at(x, y)[c], expected[c], 3) << x << ", " << y;
      }
    }
  }
}

TEST(Augment, DrawingNeverReadsOutsideThinPictures) {  // for AddressSanitizer
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{1, 50}, std::pair{50, 1}, std::pair{2, 3}}) {
    const Picture picture(width, height, 200);
    Picture out(20, 20, pad_value);
    draw({&picture, 0, 0, 0, 0, width, height}, inverse(AffineMap{3.7, 0.5, -1, 0.2, 2.9, 4}), out);
    EXPECT_EQ(std::count(out.pixels.begin(), out.pixels.end(), 200) % 3, 0);
    EXPECT_GT(std::count(out.pixels.begin(), out.pixels.end(), 200), 0);
  }
}

TEST(Augment, BoxRules) {
  // One object of 40 × 20 pixels; the picture is not moved, so options alone decide.
  struct Pool final : ExamplePool {
    LabelledBox box;
    std::size_t size() const override { return 1; }
    std::shared_ptr<const Picture> load(std::size_t, std::vector<LabelledBox>& boxes) const override {
      boxes = {box};
      return std::make_shared<Picture>(100, 100);
    }
  } pool;
  AugmentOptions options = keeping_all();
  options.mosaic = options.translate = options.scale = options.flip_horizontal = 0;
  const auto kept = [&](const LabelledBox& box, const AugmentOptions& rules) {
    pool.box = box;
    return !Augmenter(rules, 100)(pool, 0, 0, 0).boxes.empty();
  };
  AugmentOptions side = options;
  side.min_side = 2;
  EXPECT_TRUE(kept({10, 10, 12.5F, 30}, side));
  EXPECT_FALSE(kept({10, 10, 12, 30}, side));
  EXPECT_FALSE(kept({10, 10, 30, 12}, side));
  EXPECT_TRUE(kept({10, 10, 12, 30}, options));
  AugmentOptions aspect = options;
  aspect.max_aspect = 10;
  EXPECT_TRUE(kept({0, 0, 99, 10}, aspect));
  EXPECT_FALSE(kept({0, 0, 99, 9}, aspect));
  EXPECT_FALSE(kept({0, 0, 9, 99}, aspect));
  AugmentOptions share = options;
  share.min_kept = 0.1F;
  EXPECT_TRUE(kept({-88, 0, 12, 10}, share));  // 12 of 100 columns are in the picture
  EXPECT_FALSE(kept({-92, 0, 8, 10}, share));
  EXPECT_FALSE(kept({-20, 0, -5, 10}, options));
  EXPECT_FALSE(kept({120, 0, 140, 10}, options));
}

TEST(Letterbox, PutsPicturesInTheMiddleAndBoxesBack) {
  for (const auto& [width, height] : {std::pair{500, 333}, std::pair{333, 500}, std::pair{64, 64}, std::pair{31, 7}}) {
    Picture picture(width, height);
    const int x1 = width / 4, y1 = height / 7, x2 = width / 2, y2 = height - 1;
    fill(picture, x1, y1, x2, y2, 5);
    const Box box{1.0 * x1, 1.0 * y1, 1.0 * (x2 - x1), 1.0 * (y2 - y1)};
    Picture square;
    const Letterbox frame = letterbox(scaled_to(picture, 160), 160, square);
    ASSERT_EQ(square.width, 160);
    ASSERT_EQ(square.height, 160);
    EXPECT_EQ(frame.width, width);
    EXPECT_NEAR(frame.scale_x, 160.0 / std::max(width, height), 0.5 / std::min(width, height));
    const LabelledBox inside = frame.inside(box, 5);
    const auto seen = found(square, 5, inside);
    ASSERT_TRUE(seen);
    expect_near(*seen, inside, 1);
    const Box back = frame.outside(inside);
    EXPECT_NEAR(back.x, box.x, 1e-3);
    EXPECT_NEAR(back.y, box.y, 1e-3);
    EXPECT_NEAR(back.right(), box.right(), 1e-3);
    EXPECT_NEAR(back.bottom(), box.bottom(), 1e-3);
    const Box all = frame.outside({-50, -50, 999, 999, 0});
    EXPECT_EQ(all, (Box{0, 0, static_cast<double>(width), static_cast<double>(height)}));
    EXPECT_EQ(square.at(0, 0)[0], width == height ? 0 : pad_value);
  }
}

// The triangle filter in exact arithmetic: what one coordinate of the output averages.
std::vector<double> triangle(int in, int out, int output) {
  const double step = static_cast<double>(in) / out, support = std::max(1.0, step), centre = (output + 0.5) * step;
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i < in; ++i) {
    weights.push_back(std::max(0.0, 1 - std::abs(i + 0.5 - centre) / support));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

TEST(Resize, EqualsTheFilterInExactArithmetic) {
  std::mt19937 random(1);
  for (const auto& [in, out] : {std::pair{50, 32}, {50, 49}, {50, 50}, {50, 7}, {50, 1}, {3, 10}, {1, 5}, {17, 16}}) {
    Picture noise(in, 11);
    for (std::uint8_t& value : noise.pixels) value = static_cast<std::uint8_t>(random());
    const Picture small = resized(noise, out, 6);
    for (int y = 0; y < 6; ++y) {
      for (int x = 0; x < out; ++x) {
        const std::vector<double> across = triangle(in, out, x), down = triangle(11, 6, y);
        for (int c = 0; c < 3; ++c) {
          double exact = 0;
          for (int v = 0; v < 11; ++v)
            for (int u = 0; u < in; ++u)
              exact += across[static_cast<std::size_t>(u)] * down[static_cast<std::size_t>(v)] * noise.at(u, v)[c];
          ASSERT_NEAR(small.at(x, y)[c], exact, 1.02) << in << " to " << out << ", " << x << " " << y << " " << c;
        }
      }
    }
  }
}

TEST(Resize, KeepsGreyAndAveragesWhenShrinking) {
  const Picture grey(37, 53, 91);
  EXPECT_EQ(resized(grey, 11, 80), Picture(11, 80, 91));
  EXPECT_EQ(resized(grey, 37, 53), grey);
  EXPECT_EQ(resized(Picture(5000, 3, 255), 2, 1), Picture(2, 1, 255));
  Picture stripes(64, 8);
  for (int x = 0; x < 64; x += 8) fill(stripes, x, 0, x + 1, 8, 7);
  const Picture small = resized(stripes, 8, 1);
  for (int x = 1; x < 7; ++x) EXPECT_NEAR(small.at(x, 0)[0], 255 / 8.0, 1) << x;  // skipping pixels would give 0 or 255
  Picture two(2, 1);
  two.at(1, 0)[1] = 200;
  const Picture wide = resized(two, 4, 1);  // bilinear between centres: 0, ¼, ¾, 1
  EXPECT_EQ(wide.at(0, 0)[1], 0);
  EXPECT_EQ(wide.at(1, 0)[1], 50);
  EXPECT_EQ(wide.at(2, 0)[1], 150);
  EXPECT_EQ(wide.at(3, 0)[1], 200);
  EXPECT_THROW(resized(grey, 0, 5), UsageError);
  EXPECT_THROW(resized(Picture(), 5, 5), UsageError);
}

}  // namespace
}  // namespace joist
