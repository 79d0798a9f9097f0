// The single steps, the determinism of whole examples, and a sheet of them to look at.
#include <joist/core/error.h>
#include <joist/data/augment.h>
#include <joist/data/augment/affine.h>
#include <joist/data/augment/colour.h>
#include <joist/data/augment/crop.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/dataset.h>
#include <joist/data/encode.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

// Hue, saturation and value as everybody defines them, in double.
void slowly_shifted(std::uint8_t* pixel, const ColourShift& shift) {
  const double r = pixel[0], g = pixel[1], b = pixel[2];
  const double high = std::max({r, g, b}), low = std::min({r, g, b});
  if (high == 0) return;
  double hue = 0;
  if (high > low) {
    hue = high == r ? (g - b) / (high - low) : high == g ? 2 + (b - r) / (high - low) : 4 + (r - g) / (high - low);
  }
  hue = std::fmod(hue + 6 * shift.hue + 12, 6);
  const double saturation = std::min(1.0, (high - low) / high * shift.saturation);
  const double value = std::min(255.0, high * shift.value);
  const double f = hue - std::floor(hue);
  const double p = value * (1 - saturation), q = value * (1 - saturation * f), t = value * (1 - saturation * (1 - f));
  const double table[6][3] = {{value, t, p}, {q, value, p}, {p, value, t}, {p, q, value}, {t, p, value}, {value, p, q}};
  for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::lround(table[static_cast<int>(hue) % 6][c]));
}

// Colours of all kinds; a number of pixels that no group divides.
Picture colourful() {
  Picture picture(97, 61);
  Random random({9, Stream::test});
  for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(random.bits());
  for (int x = 0; x < 97; ++x) {
    for (int c = 0; c < 3; ++c) {
      picture.at(x, 0)[c] = static_cast<std::uint8_t>(x * 2);                            // greys
      picture.at(x, 1)[c] = (x >> c & 1) != 0 ? static_cast<std::uint8_t>(255 - x) : 0;  // full saturation
    }
  }
  return picture;
}

TEST(Colour, NoShiftChangesNothing) {
  Picture picture = colourful();
  shift_colour(picture, {});
  EXPECT_EQ(picture, colourful());
  Example example{colourful(), {}};
  AugmentOptions off;
  off.hue = off.saturation = off.value = 0;
  Random random({1, Stream::augment});
  change_colour(example, off, random);
  EXPECT_EQ(example.picture, colourful());
}

TEST(Colour, ShiftsHueSaturationAndValue) {
  for (const ColourShift& shift :
       {ColourShift{0.3F, 1, 1}, ColourShift{-0.015F, 1.7F, 0.6F}, ColourShift{0.9F, 0.3F, 1.4F}, ColourShift{-1, 0, 1},
        ColourShift{1e-9F, 1, 0}, ColourShift{-1e-9F, 1, 1}}) {
    Picture picture = colourful();
    shift_colour(picture, shift);
    Picture expected = colourful();
    int worst = 0;
    for (std::size_t i = 0; i < expected.pixels.size(); i += 3) {
      slowly_shifted(expected.pixels.data() + i, shift);
      for (std::size_t c = i; c < i + 3; ++c) worst = std::max(worst, std::abs(picture.pixels[c] - expected.pixels[c]));
    }
    EXPECT_LE(worst, 1) << shift.hue << " " << shift.saturation << " " << shift.value;
    const std::uint8_t* grey = picture.at(50, 0);
    EXPECT_TRUE(grey[0] == grey[1] && grey[1] == grey[2]);
  }
}

TEST(Flip, MirrorsPicturesAndBoxesAndTwiceIsNothing) {
  AugmentOptions always;
  always.flip_horizontal = always.flip_vertical = 1;
  for (const int side : {7, 8}) {
    const Example before{test::gradient(side, 5), {{1, 2, 4, 3, 9}}};
    Example example = before;
    Random random({1, Stream::augment});
    flip_horizontal(example, always, random);
    EXPECT_TRUE(std::equal(example.picture.at(0, 3), example.picture.at(0, 3) + 3, before.picture.at(side - 1, 3)));
    EXPECT_EQ(example.boxes[0], (LabelledBox{static_cast<float>(side - 4), 2, static_cast<float>(side - 1), 3, 9}));
    flip_vertical(example, always, random);
    EXPECT_TRUE(std::equal(example.picture.at(1, 1), example.picture.at(1, 1) + 3, before.picture.at(side - 2, 3)));
    EXPECT_EQ(example.boxes[0].y1, 2);
    flip_vertical(example, always, random);
    flip_horizontal(example, always, random);
    EXPECT_EQ(example.picture, before.picture);
    EXPECT_EQ(example.boxes, before.boxes);
  }
}

TEST(Augment, RefusesOptionsOutOfRange) {
  const auto expect_refused = [](float AugmentOptions::*field, float value, const char* name) {
    AugmentOptions options;
    options.*field = value;
    try {
      Augmenter(options, 32);
      ADD_FAILURE() << name << " " << value << " was accepted";
    } catch (const UsageError& error) {
      EXPECT_HAS(error.what(), name);
    }
  };
  expect_refused(&AugmentOptions::mosaic, 1.5F, "mosaic");
  expect_refused(&AugmentOptions::scale, 1, "scale");   // a picture of no size
  expect_refused(&AugmentOptions::shear, 45, "shear");  // both axes slanted into one
  expect_refused(&AugmentOptions::hue, -0.1F, "hue");
  expect_refused(&AugmentOptions::min_kept, std::numeric_limits<float>::quiet_NaN(), "min_kept");
  EXPECT_THROW(Augmenter({}, 0), UsageError);
}

// Pictures of the shared data where they are, else of our own making.
class Pool final : public ExamplePool {
 public:
  explicit Pool(int size) {
    const std::string folder = test::shared_data();
    Dataset data;
    if (!folder.empty()) data = read_dataset(folder + "/hardhat/val.json");
    for (std::size_t i = 0; i < 24; ++i) {
      const ScaledPicture scaled = folder.empty() ? scaled_to(test::gradient(200 + 20 * static_cast<int>(i), 300), size)
                                                  : load_scaled(data.samples[i].path, size);
      pictures_.push_back(std::make_shared<Picture>(scaled.picture));
      boxes_.emplace_back();
      if (folder.empty()) {
        boxes_.back().push_back({20, 30, 90, 120, static_cast<int>(i)});
      } else {
        for (const auto& a : data.samples[i].annotations)
          boxes_.back().push_back(scaled.frame().inside(a.box, a.category));
      }
    }
  }
  std::size_t size() const override { return pictures_.size(); }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    boxes = boxes_.at(sample);
    return pictures_.at(sample);
  }

 private:
  std::vector<std::shared_ptr<const Picture>> pictures_{};
  std::vector<std::vector<LabelledBox>> boxes_{};
};

TEST(Augment, StepsHaveRandomNumbersOfTheirOwn) {
  std::set<std::uint32_t> calls{0};  // 0 composes
  for (const AugmentStep& step : augment_steps()) EXPECT_TRUE(calls.insert(step.call).second) << step.name;
  const Pool pool(32);
  AugmentOptions flips;
  flips.mosaic = flips.translate = flips.scale = flips.hue = flips.saturation = flips.value = 0;
  flips.flip_vertical = 0.5F;
  Augmenter augment(flips, 32);
  std::set<std::vector<std::uint8_t>> seen;
  for (std::uint32_t epoch = 0; epoch < 40; ++epoch) seen.insert(augment(pool, 1, epoch, 0).picture.pixels);
  EXPECT_EQ(seen.size(), 4U);
}

// The fixed recipe is what accuracies were measured with: its pictures stay what they are, bit for bit, on every
// instruction set.
TEST(Augment, TheFixedRecipeStaysWhatItIs) {
  struct Noise final : ExamplePool {
    explicit Noise(int size) : side(size) {}
    std::size_t size() const override { return 5; }
    std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
      const int width = sample % 2 == 0 ? side : side * 3 / 5;
      const int height = sample % 2 == 0 ? side * (static_cast<int>(sample) + 3) / 8 : side;
      auto picture = std::make_shared<Picture>(width, height);
      Random random({sample, Stream::test});
      for (std::uint8_t& value : picture->pixels) value = static_cast<std::uint8_t>(random.bits());
      boxes = {{2, 3, static_cast<float>(width) * 0.7F, static_cast<float>(height) * 0.8F, static_cast<int>(sample)}};
      return picture;
    }
    int side;
  };
  struct Expected {
    int size;
    bool turned;
    std::uint64_t hash;
  };
  for (const auto& [size, turned, expected] : {Expected{31, false, 0x78becdc48ea0f9c2},
                                               {31, true, 0x5a39a89dbfd4baf3},
                                               {96, false, 0x4dce5175544d29f0},
                                               {96, true, 0x98affae5efd76782}}) {
    const Noise pool(size);
    AugmentOptions options;
    if (turned) options.degrees = 20, options.flip_vertical = 0.5F;
    Augmenter augment(options, size);
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 1099511628211U; };
    for (std::uint32_t epoch = 0; epoch < 12; ++epoch) {
      for (std::size_t sample = 0; sample < 5; ++sample) {
        const Example& example = augment(pool, 3, epoch, sample);
        for (const std::uint8_t value : example.picture.pixels) mix(value);
        for (const LabelledBox& box : example.boxes)
          for (const float edge : {box.x1, box.y1, box.x2, box.y2})
            if (!turned) mix(static_cast<std::uint64_t>(static_cast<std::int64_t>(edge * 1024)));
      }
    }
    EXPECT_EQ(hash, expected) << size << " " << turned;
  }
}

void outline(Picture& picture, const LabelledBox& box) {
  const std::uint8_t colours[3][3] = {{255, 220, 0}, {255, 40, 40}, {0, 200, 255}};
  const auto at = [](float value, int most) { return std::clamp(static_cast<int>(value), 0, most - 1); };
  const int x1 = at(box.x1, picture.width), x2 = at(box.x2, picture.width);
  const int y1 = at(box.y1, picture.height), y2 = at(box.y2, picture.height);
  const auto paint = [&](int x, int y) { std::copy_n(colours[box.category % 3], 3, picture.at(x, y)); };
  for (int x = x1; x <= x2; ++x) paint(x, y1), paint(x, y2);
  for (int y = y1; y <= y2; ++y) paint(x1, y), paint(x2, y);
}

TEST(Augment, DependsOnSeedEpochAndSampleAlone) {
  const Pool pool(64);
  Augmenter one({}, 64), other({}, 64);
  const Example first = one(pool, 1, 2, 3);
  for (std::uint32_t epoch = 0; epoch < 3; ++epoch) other(pool, 7, epoch, 5);  // leaves no trace
  const Example& again = other(pool, 1, 2, 3);
  EXPECT_EQ(first.picture, again.picture);
  EXPECT_EQ(first.boxes, again.boxes);
  EXPECT_NE(first.picture, other(pool, 2, 2, 3).picture);
  EXPECT_NE(first.picture, other(pool, 1, 3, 3).picture);
  struct Same final : ExamplePool {
    std::size_t size() const override { return 9; }
    std::shared_ptr<const Picture> load(std::size_t, std::vector<LabelledBox>& boxes) const override {
      boxes.clear();
      return std::make_shared<Picture>(test::gradient(64, 64));
    }
  };
  EXPECT_NE(one(Same(), 1, 2, 4).picture, other(Same(), 1, 2, 5).picture);
}

TEST(Augment, WritesASheetToLookAt) {
  constexpr int size = 240, columns = 5, rows = 4;
  const Pool pool(size);
  AugmentOptions single, turned;
  single.mosaic = 0;
  turned.degrees = 20;
  turned.shear = 10;
  turned.mosaic = 0.5F;
  Augmenter augmenters[rows] = {{{}, size}, {{}, size}, {single, size}, {turned, size}};
  Picture sheet(columns * (size + 4), rows * (size + 4), 255);
  std::size_t boxes = 0;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      Example example = augmenters[row](pool, 3, static_cast<std::uint32_t>(row), static_cast<std::size_t>(column));
      boxes += example.boxes.size();
      for (const LabelledBox& box : example.boxes) outline(example.picture, box);
      for (int y = 0; y < size; ++y) {
        std::copy_n(example.picture.at(0, y), size * 3, sheet.at(column * (size + 4), row * (size + 4) + y));
      }
    }
  }
  EXPECT_GT(boxes, 20U);
  write_png(JOIST_BINARY_DIR "/augment_sheet.png", sheet);
}

TEST(Crop, TakesWindowsWithZerosAroundThem) {
  const std::uint8_t pixels[] = {10, 20, 30, 40, 50, 60};  // 3 × 2 grey
  const PixelView picture{pixels, 3, 2, 1};
  const Cropper crop({.mean = {0.5F}, .deviation = {0.25F}}, 3, 2, 1);
  const auto number = [](int pixel) { return (static_cast<float>(pixel) / 255.0F - 0.5F) / 0.25F; };
  float out[6];
  const auto expect = [&](const Window& window, std::initializer_list<int> expected) {
    crop(picture, window, out);
    const float* value = out;
    for (const int pixel : expected) EXPECT_EQ(*value++, number(pixel));
  };
  expect(middle_window(picture, 3, 2), {10, 20, 30, 40, 50, 60});
  expect({.left = -1, .top = 1}, {0, 40, 50, 0, 0, 0});
  expect({.left = 1, .top = -1, .is_mirrored = true}, {0, 0, 0, 0, 30, 20});
  std::set<std::pair<int, int>> seen;
  Random random({4, Stream::test});
  int mirrored = 0;
  for (int i = 0; i < 400; ++i) {
    const Window window = random_window(picture, 3, 2, {.pad = 2, .flip_horizontal = 0.5F}, random);
    seen.insert({window.left, window.top});
    mirrored += window.is_mirrored;
  }
  EXPECT_EQ(seen.size(), 25U);  // -2 … 2 each way
  EXPECT_EQ(seen.begin()->first, -2);
  EXPECT_NEAR(mirrored, 200, 50);
  EXPECT_THROW(Cropper({.pad = -1}, 3, 2, 1), UsageError);
  EXPECT_THROW(Cropper({.mean = {0, 0}}, 3, 2, 1), UsageError);
  EXPECT_THROW(Cropper({.deviation = {0}}, 3, 2, 1), UsageError);
}

}  // namespace
}  // namespace joist
