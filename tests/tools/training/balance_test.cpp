// Rare classes: repeat factors, weights, and what is said about odd labels.
#include <joist/core/error.h>
#include <joist/data/loader/ring.h>
#include <joist/tools/training/balance.h>

#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace joist {
namespace {

// 100 pictures with class 0, of which 4 also have class 1 (twice each); class 2 has no box.
Dataset uneven() {
  Dataset data;
  data.categories = {"helmet", "vest", "ladder"};
  data.category_ids = {1, 2, 3};
  for (int i = 0; i < 100; ++i) {
    Sample sample{.path = std::to_string(i), .id = i, .width = 640, .height = 480};
    sample.annotations.push_back({.box = {10, 10, 100, 100}, .category = 0});
    for (int k = 0; k < (i % 25 == 0 ? 2 : 0); ++k)
      sample.annotations.push_back({.box = {300, 10, 100, 100}, .category = 1});
    data.samples.push_back(sample);
  }
  return data;
}

TEST(Balance, RareClassesRaiseTheirPictures) {
  const Dataset data = uneven();
  const std::vector<float> factors = repeat_factors(data, 0.16);
  ASSERT_EQ(factors.size(), 100U);
  EXPECT_FLOAT_EQ(factors[0], 2);  // sqrt(0.16 / 0.04)
  EXPECT_FLOAT_EQ(factors[1], 1);
  EXPECT_TRUE(repeat_factors(data, 0).empty());
  EXPECT_TRUE(repeat_factors(data, 0.03).empty());  // no class is that rare
}

TEST(Balance, TheRingShowsPicturesAsOftenAsTheyCount) {
  std::map<std::size_t, int> shown;
  LoaderOptions options{.batch = 10, .seed = 5, .threads = 0, .weights = repeat_factors(uneven(), 0.16)};
  BatchRing ring(options, 100, [&](const BatchRing::Item& item) { ++shown[item.sample]; });
  EXPECT_EQ(ring.steps(), 10);
  const int epochs = 260;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    ring.start(epoch, 0);
    while (ring.next().slot >= 0) {
    }
  }
  // Weights of 2 × 4 and 1 × 96, an epoch of 100.
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_NEAR(shown[i], epochs * 100.0 / 104 * (i % 25 == 0 ? 2 : 1), epochs * 0.08) << i;
  options.weights.pop_back();
  EXPECT_THROW(BatchRing(options, 100, [](const BatchRing::Item&) {}), UsageError);
  options.weights.assign(100, 0);
  EXPECT_THROW(BatchRing(options, 100, [](const BatchRing::Item&) {}), UsageError);
  options.weights.assign(100, 1);
  options.weights[3] = NAN;
  EXPECT_THROW(BatchRing(options, 100, [](const BatchRing::Item&) {}), UsageError);
}

TEST(Balance, EqualWeightsShowEachPictureOnce) {
  std::map<std::size_t, int> shown;
  BatchRing ring({.batch = 7, .drop_last = false, .threads = 0, .weights = std::vector<float>(50, 0.3F)}, 50,
                 [&](const BatchRing::Item& item) { ++shown[item.sample]; });
  ring.start(3, 0);
  while (ring.next().slot >= 0) {
  }
  ASSERT_EQ(shown.size(), 50U);
}

TEST(Balance, WeightsHaveAMeanOfOneOverObjects) {
  const std::vector<float> weights = class_weights(uneven(), 0.5);  // 100 and 8 objects
  ASSERT_EQ(weights.size(), 3U);
  EXPECT_NEAR(weights[1] / weights[0], std::sqrt(100.0 / 8), 1e-4);
  EXPECT_NEAR((100 * weights[0] + 8 * weights[1]) / 108, 1, 1e-5);
  EXPECT_EQ(weights[2], 1);
  EXPECT_TRUE(class_weights(uneven(), 0).empty());
}

TEST(Balance, SaysWhatIsOdd) {
  Dataset data = uneven();
  TrainOptions options{.size = 320};
  std::string said;
  for (const std::string& line : label_suspicions(data, options)) said += line + "\n";
  EXPECT_NE(said.find("class vest has 8 boxes"), std::string::npos) << said;
  EXPECT_NE(said.find("class ladder has 0 boxes"), std::string::npos) << said;
  EXPECT_EQ(said.find("narrower"), std::string::npos) << said;
  for (Sample& sample : data.samples) sample.annotations[0].box.width = 12;
  for (std::size_t i = 1; i < 80; ++i) data.samples[i].annotations.clear();
  said.clear();
  for (const std::string& line : label_suspicions(data, options)) said += line + "\n";
  EXPECT_NE(said.find("have no box"), std::string::npos) << said;
  EXPECT_NE(said.find("narrower than 8 pixels"), std::string::npos) << said;
}

}  // namespace
}  // namespace joist
