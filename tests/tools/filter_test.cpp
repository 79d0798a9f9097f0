// joist filter: what it computes on pictures whose answer is known, and what it writes; joist inspect --model.
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/store.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/joist.h>
#include <joist/tools/report/filter_sheet.h>
#include <joist/tools/report/filters.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

int run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "joist");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return command_line(static_cast<int>(pointers.size()), pointers.data());
}

nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

// Black, from the middle on white.
Picture step(int width, int height) {
  Picture picture(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = width / 2; x < width; ++x)
      for (int c = 0; c < 3; ++c) picture.at(x, y)[c] = 255;
  return picture;
}

class FilterCommand : public testing::Test {
 protected:
  // Not only ASCII, as in the folders of users.
  const std::string folder =
      testing::TempDir() + "joist_筛选_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string picture = folder + "/вход.png", out = folder + "/結果 ü";
  void SetUp() override {
    std::filesystem::remove_all(folder);
    write_png(picture, step(32, 20));
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
};

TEST_F(FilterCommand, FindsAnEdge) {
  ASSERT_EQ(run({"filter", picture, "--out", out}), 0);
  const auto report = read_json(out + "/filter.json");
  EXPECT_EQ(report["operation"], "cross-correlation");
  EXPECT_EQ(report["through"], "direct");
  EXPECT_EQ(report["width"], 32);
  ASSERT_EQ(report["filters"].size(), 3U);
  const auto& across = report["filters"][0];
  EXPECT_EQ(across["window"][0][1], (std::vector<float>{-2, 0, 2}));
  EXPECT_NEAR(across["result"]["largest"].get<double>(), 4, 1e-5);
  EXPECT_NEAR(across["result"]["least"].get<double>(), 0, 1e-5);
  EXPECT_NEAR(across["gain"]["zero_frequency"].get<double>(), 0, 1e-5);
  EXPECT_NEAR(across["gain"]["largest"].get<double>(), 8, 1e-3);  // 2 sin(90°) · (2 + 2 cos(0))
  EXPECT_NEAR(report["filters"][1]["result"]["largest"].get<double>(), 0, 1e-5);
  EXPECT_NEAR(report["filters"][2]["result"]["largest"].get<double>(), 4, 1e-5);
  const Picture sheet = decode(out + "/filter.png");
  EXPECT_GT(sheet.width, 1000);
  EXPECT_GT(sheet.height, 200);
}

TEST_F(FilterCommand, FlipTurnsTheWindow) {
  ASSERT_EQ(run({"filter", picture, "--kernel", "sobel", "--flip", "--out", out}), 0);
  const auto report = read_json(out + "/filter.json");
  EXPECT_EQ(report["operation"], "convolution");
  EXPECT_EQ(report["filters"][0]["window"][0][1], (std::vector<float>{2, 0, -2}));
  EXPECT_NEAR(report["filters"][0]["result"]["least"].get<double>(), -4, 1e-5);
}

TEST_F(FilterCommand, TheTransformGivesTheSame) {
  for (const std::string kernel :
       {"gaussian", "log", "box", "sharpen", "emboss", "prewitt", "scharr", "laplacian", "identity"}) {
    ASSERT_EQ(run({"filter", picture, "--kernel", kernel, "--fft", "--sigma", "1.7", "--out", out}), 0) << kernel;
    const auto report = read_json(out + "/filter.json");
    EXPECT_EQ(report["through"], "fourier");
    for (const auto& filter : report["filters"]) {
      if (!filter.contains("window")) continue;  // the magnitude of two
      EXPECT_LT(filter["difference_from_direct"].get<double>(), 1e-4) << kernel;
    }
  }
}

TEST_F(FilterCommand, ShowsALearnedLayer) {
  std::vector<float> weights(4 * 3 * 3 * 5);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  Archive archive;
  archive.arrays.push_back({"model/head.weight", Array::from(std::vector<float>(6, 1), {2, 3})});
  archive.arrays.push_back({"model/stem.conv.weight", Array::from(weights, {4, 3, 3, 5})});
  archive.arrays.push_back({"model/deep.weight", Array::from(std::vector<float>(2 * 9, 1), {2, 1, 3, 3})});
  const std::string file = folder + "/модель:1.h5";  // a colon in the name itself
  store_file(file, hdf5_image(archive));
  ASSERT_EQ(run({"filter", picture, "--from", file, "--count", "3", "--out", out}), 0);
  const auto report = read_json(out + "/filter.json");
  ASSERT_EQ(report["filters"].size(), 3U);
  EXPECT_EQ(report["filters"][2]["name"], "model/stem.conv.weight [2]");
  EXPECT_EQ(report["filters"][1]["window"].size(), 3U);
  EXPECT_NEAR(report["filters"][1]["window"][2][0][4].get<double>(), std::sin(45 + 30 + 4.0), 1e-6);
  ASSERT_EQ(run({"filter", picture, "--from", file + ":deep.weight", "--out", out}), 0);
  EXPECT_NEAR(read_json(out + "/filter.json")["filters"][0]["result"]["largest"].get<double>(), 9, 1e-5);
  EXPECT_EQ(run({"filter", picture, "--from", file + ":head.weight", "--out", out}), 3);
  EXPECT_EQ(run({"filter", picture, "--from", folder + "/missing.h5", "--out", out}), 3);
}

TEST_F(FilterCommand, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"filter", picture, "--kernel", "soble", "--out", out}), 2);
  EXPECT_EQ(run({"filter", picture, "--kernel", "sobel", "--from", "x.h5", "--out", out}), 2);
  EXPECT_EQ(run({"filter", picture, "--kernel", "box", "--side", "4", "--out", out}), 2);
  EXPECT_EQ(run({"filter", picture, "--kernel", "gaussian", "--sigma", "0", "--out", out}), 2);
  EXPECT_EQ(run({"filter", folder + "/missing.png", "--out", out}), 3);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(FilterCommand, TakesPicturesOfAnySize) {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{1, 40}, std::pair{600, 2}}) {
    write_png(picture, step(width, height));
    EXPECT_EQ(run({"filter", picture, "--kernel", "gaussian", "--fft", "--out", out}), 0) << width;
    EXPECT_LE(read_json(out + "/filter.json")["width"], 512);
  }
}

TEST(Filters, KeepGrayGrayOrMakeItZero) {
  const Array gray = channels_of(Picture(9, 7, 102), false);
  for (const std::string name : {"gaussian", "box", "sharpen", "identity"})
    for (const float value : filtered(gray, named_filters(name)[0], false).to_vector<float>())
      EXPECT_NEAR(value, 0.4, 1e-6) << name;
  for (const std::string name : {"sobel", "prewitt", "scharr", "laplacian", "log", "emboss"})
    for (const float value :
         filtered(channels_of(Picture(9, 7, 102), true), named_filters(name)[0], false).to_vector<float>())
      EXPECT_NEAR(value, 0, 1e-5) << name;
}

TEST(InspectCommand, ListsTheLayersOfAModel) {
  const std::string json = testing::TempDir() + "joist_layers.json";
  EXPECT_EQ(run({"inspect", "--model", "resnet18", "--size", "64", "--json", json}), 0);
  const auto layers = read_json(json).at("layers");
  bool found = false;
  for (const auto& layer : layers)
    if (layer["name"] == "layer4.1.conv2") {
      found = true;
      EXPECT_EQ(layer["size"], (std::vector<double>{435, 435}));
      EXPECT_EQ(layer["stride"], (std::vector<double>{32, 32}));
    }
  EXPECT_TRUE(found);
  EXPECT_EQ(run({"inspect"}), 2);
  EXPECT_EQ(run({"inspect", "--model", "resnet17"}), 2);
  EXPECT_EQ(run({"inspect", "some.h5", "--model", "resnet18"}), 2);
}

}  // namespace
}  // namespace joist
