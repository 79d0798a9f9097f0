// A model of each family takes steps as a GPU does under Autocast, with results in bfloat16: no operation refuses a
// mixture of element types, and the first loss is that of float32 up to bfloat16's rounding.
#include <joist/core/mode.h>
#include <joist/tools/training/benchmark.h>

#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Family {
  std::string model;
  std::int64_t size, classes;
};
void PrintTo(const Family& family, std::ostream* to) { *to << family.model; }

class Bfloat16Models : public testing::TestWithParam<Family> {};

TEST_P(Bfloat16Models, StepsHaveTheLossesOfFloat32) {
  const auto losses = [](bool bfloat16) {
    const Autocast as_on_a_gpu(false, Autocast::Results::bfloat16);
    return benchmark_training({.model = GetParam().model,
                               .batch = 8,
                               .size = GetParam().size,
                               .steps = 1,
                               .classes = GetParam().classes,
                               .lr = 1e-5,
                               .random_drops = false,
                               .bfloat16 = bfloat16},
                              ModelRegistry())
        .losses;
  };
  const std::vector<double> got = losses(true), wanted = losses(false);
  ASSERT_EQ(got.size(), wanted.size());
  for (const double loss : got) EXPECT_TRUE(std::isfinite(loss));
  // Of the first step: normalized by few numbers, as here, the later ones of float32 itself differ by tenths.
  const double apart = std::abs(got[0] / wanted[0] - 1);
  EXPECT_LT(apart, 0.1);
  EXPECT_NE(got, wanted);  // it was bfloat16
  std::printf("%s: %.3g\n", GetParam().model.c_str(), apart);
}

INSTANTIATE_TEST_SUITE_P(Zoo, Bfloat16Models,
                         testing::Values(Family{"resnet18", 64, 10}, Family{"regnet_y_400mf", 64, 10},
                                         Family{"mobilenet_v2", 64, 10}, Family{"mobilenet_v3_small", 64, 10},
                                         Family{"efficientnet_b0", 64, 10}, Family{"shufflenet_v2_x0_5", 64, 10},
                                         Family{"vit_tiny", 64, 10}, Family{"swin_t", 64, 10},
                                         Family{"convnext_tiny", 64, 10}, Family{"squeezenet1_1", 64, 10},
                                         Family{"densenet121", 64, 10}, Family{"yolo_n", 64, 4},
                                         Family{"ssdlite320_mobilenet_v3_large", 320, 4}, Family{"mnist_cnn", 28, 10},
                                         Family{"lstm", 16, 20}, Family{"gpt", 16, 20}),
                         [](const auto& one) { return one.param.model; });

}  // namespace
}  // namespace joist
