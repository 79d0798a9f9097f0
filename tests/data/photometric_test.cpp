// Changes of colour against torchvision, filters against loops that nobody could get wrong.
#include <joist/core/random.h>
#include <joist/data/augment/photometric.h>
#include <joist/data/files.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Arguments = std::vector<double>;

const std::map<std::string, std::function<void(Picture&, const Arguments&)>> functions{
    {"brightness", [](Picture& p, const Arguments& a) { adjust_brightness(p, a[0]); }},
    {"contrast", [](Picture& p, const Arguments& a) { adjust_contrast(p, a[0]); }},
    {"saturation", [](Picture& p, const Arguments& a) { adjust_saturation(p, a[0]); }},
    {"sharpness", [](Picture& p, const Arguments& a) { adjust_sharpness(p, a[0]); }},
    {"hue", [](Picture& p, const Arguments& a) { adjust_hue(p, a[0]); }},
    {"gamma", [](Picture& p, const Arguments& a) { adjust_gamma(p, a[0], a[1]); }},
    {"posterize", [](Picture& p, const Arguments& a) { posterize(p, static_cast<int>(a[0])); }},
    {"solarize", [](Picture& p, const Arguments& a) { solarize(p, static_cast<int>(a[0])); }},
    {"equalize", [](Picture& p, const Arguments&) { equalize(p); }},
    {"autocontrast",
     [](Picture& p, const Arguments&) {
       for (std::uint8_t& value : p.pixels) value = static_cast<std::uint8_t>(value / 2 + 20);
       autocontrast(p);
     }},
    {"invert", [](Picture& p, const Arguments&) { invert(p); }},
    {"grayscale", [](Picture& p, const Arguments&) { grayscale(p); }},
    {"permute",
     [](Picture& p, const Arguments& a) {
       permute_channels(p, {static_cast<int>(a[0]), static_cast<int>(a[1]), static_cast<int>(a[2])});
     }},
    {"gaussian_blur", [](Picture& p, const Arguments& a) { gaussian_blur(p, static_cast<int>(a[0]), a[1]); }},
    {"jpeg", [](Picture& p, const Arguments& a) { jpeg_artefacts(p, static_cast<int>(a[0])); }},
};

std::vector<std::uint8_t> bytes_of(const std::string& hexadecimal) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16)));
  return bytes;
}

TEST(Photometric, EqualsTorchvisionWithinOneOf255) {
  const auto fixture = nlohmann::json::parse(read_bytes(JOIST_SOURCE_DIR "/tests/fixtures/photometric.json", 1 << 20));
  Picture picture(fixture["width"], fixture["height"]);
  picture.pixels = bytes_of(fixture["picture"]);
  std::size_t functions_seen = 0;
  std::string last;
  for (const auto& one : fixture["cases"]) {
    const std::string name = one["name"];
    SCOPED_TRACE(name + " " + one["arguments"].dump());
    Picture changed = picture;
    functions.at(name)(changed, one["arguments"].get<Arguments>());
    const std::vector<std::uint8_t> expected = bytes_of(one["result"]);
    ASSERT_EQ(changed.pixels.size(), expected.size());
    int worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(changed.pixels[i] - expected[i]));
    EXPECT_LE(worst, 1);
    functions_seen += name != last;
    last = name;
  }
  EXPECT_GE(functions_seen, functions.size());
}

Picture noisy(int width, int height) {
  Picture picture(width, height);
  Random random({4, Stream::test});
  for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(random.bits());
  return picture;
}

TEST(Photometric, MedianIsTheMiddleOfNine) {
  const Picture before = noisy(13, 9);
  Picture picture = before;
  median_blur(picture);
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 13; ++x) {
      for (int c = 0; c < 3; ++c) {
        std::vector<int> window;
        for (int i = 0; i < 9; ++i)
          window.push_back(before.at(std::clamp(x + i % 3 - 1, 0, 12), std::clamp(y + i / 3 - 1, 0, 8))[c]);
        std::nth_element(window.begin(), window.begin() + 4, window.end());
        ASSERT_EQ(picture.at(x, y)[c], window[4]) << x << " " << y;
      }
    }
  }
}

TEST(Photometric, MotionBlurIsTheMeanAlongALine) {
  const Picture before = noisy(15, 11);
  Picture across = before, down = before;
  motion_blur(across, 5, 0);
  motion_blur(down, 3, 90);
  for (int y = 2; y < 9; ++y) {
    for (int x = 2; x < 13; ++x) {
      double row = 0, column = 0;
      for (int i = -2; i <= 2; ++i) row += before.at(x + i, y)[1] / 5.0;
      for (int i = -1; i <= 1; ++i) column += before.at(x, y + i)[1] / 3.0;
      EXPECT_NEAR(across.at(x, y)[1], row, 1);
      EXPECT_NEAR(down.at(x, y)[1], column, 1);
    }
  }
  Picture even(9, 9, 255);  // nothing gets darker, at the edges neither
  motion_blur(even, 7, 33);
  EXPECT_EQ(even, Picture(9, 9, 255));
}

TEST(Photometric, NoiseHasTheDeviationAskedFor) {
  Random random({2, Stream::test});
  Picture picture(200, 150, 128);
  add_noise(picture, 20, false, random);
  double sum = 0, squares = 0;
  for (const std::uint8_t value : picture.pixels) {
    sum += value - 128.0;
    squares += (value - 128.0) * (value - 128.0);
  }
  const auto count = static_cast<double>(picture.pixels.size());
  EXPECT_NEAR(sum / count, 0, 0.3);
  EXPECT_NEAR(std::sqrt(squares / count), 20, 0.5);
  Picture grey(50, 50, 128);
  add_noise(grey, 20, true, random);
  for (std::size_t i = 0; i < grey.pixels.size(); i += 3) ASSERT_EQ(grey.pixels[i], grey.pixels[i + 2]);
  Picture dead(200, 200, 128);
  add_salt_and_pepper(dead, 0.1, random);
  const auto changed = std::count_if(dead.pixels.begin(), dead.pixels.end(), [](std::uint8_t v) { return v != 128; });
  EXPECT_NEAR(static_cast<double>(changed) / 120000, 0.1, 0.01);
}

TEST(Photometric, ClaheRaisesContrastOfFlatPartsAndNotWithoutLimit) {
  Picture flat(64, 64, 100);
  for (int x = 0; x < 64; x += 2)
    for (int y = 0; y < 64; ++y) std::fill_n(flat.at(x, y), 3, std::uint8_t{110});
  Picture strong = flat, weak = flat;
  clahe(strong, 40, 4);
  clahe(weak, 1, 4);
  const auto contrast = [](const Picture& p) { return std::abs(p.at(30, 30)[0] - p.at(31, 30)[0]); };
  EXPECT_GT(contrast(strong), 40);
  EXPECT_LE(contrast(weak), contrast(strong) / 2);
  Picture tiny(1, 1, 7);
  clahe(tiny, 2, 8);  // more tiles than pixels
  EXPECT_EQ(tiny.width, 1);
}

TEST(Photometric, SurfacesCoverThePicture) {
  Picture picture(40, 20, 100);
  Surface half(3, 2, 0.5F);
  veil(picture, half, {200, 200, 200});
  EXPECT_EQ(picture, Picture(40, 20, 150));
  shade(picture, Surface(1, 1, 0.5F));
  EXPECT_EQ(picture, Picture(40, 20, 75));
  Surface slope(2, 1);
  slope.values = {0, 1};
  Picture white(40, 1, 200);
  shade(white, slope);
  EXPECT_EQ(white.at(0, 0)[0], 0);
  EXPECT_EQ(white.at(39, 0)[0], 200);
  EXPECT_NEAR(white.at(20, 0)[0], 100, 6);
  Random random({1, Stream::test});
  const Surface field = clouds(random, 16);
  for (const float value : field.values) EXPECT_TRUE(value >= 0 && value <= 1);
}

}  // namespace
}  // namespace joist
