// ctest: TIMEOUT 300 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Steps of `joist bench train` that are recorded have the losses of others, and what cannot be recorded is said.
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/kernels.h>
#include <joist/layers/models/gpt.h>
#include <joist/tests/cuda/small_runs.h>
#include <joist/tools/training/benchmark.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

using namespace testing;  // small_runs.h

const Device gpu = cuda::emulator::use_emulated_gpu();

const ModelRegistry& models() {
  static const ModelRegistry all([] {
    std::vector<ModelEntry> list{sequence_model(
        "tiny_gpt",
        [](const ModelOptions& o) {
          return Gpt({.vocabulary = o.classes, .context = 4, .layers = 1, .heads = 2, .width = 8});
        },
        4)};
    for (const char* name : {"tiny_classifier", "tiny_detector", "tiny_lstm"}) list.push_back(registry().find(name));
    return list;
  }());
  return all;
}

TrainBenchmark steps_of(const std::string& name, Device device, bool capture, bool bfloat16 = false) {
  return benchmark_training({.model = name,
                             .batch = 2,
                             .size = name == "tiny_detector"     ? 32
                                     : name == "tiny_classifier" ? 8
                                                                 : 4,
                             .steps = 4,
                             .classes = 5,
                             .device = device,
                             .bfloat16 = bfloat16,
                             .capture = capture},
                            models());
}

class Recorded : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};
INSTANTIATE_TEST_SUITE_P(
    Steps, Recorded,
    ::testing::Combine(::testing::Values("tiny_classifier", "tiny_detector", "tiny_lstm", "tiny_gpt"),
                       ::testing::Bool()),
    [](const auto& one) { return std::get<0>(one.param) + (std::get<1>(one.param) ? "_bfloat16" : ""); });

TEST_P(Recorded, HaveTheLossesOfOthers) {
  const auto& [name, bfloat16] = GetParam();
  const TrainBenchmark eager = steps_of(name, gpu, false, bfloat16), captured = steps_of(name, gpu, true, bfloat16);
  EXPECT_EQ(eager.replayed_steps, 0);
  EXPECT_EQ(eager.why_not_captured, "");
  EXPECT_EQ(captured.why_not_captured, "");
  EXPECT_EQ(captured.replayed_steps, 5) << "but for one to make what is kept, and the rehearsal";
  ASSERT_EQ(eager.losses.size(), 5U);
  EXPECT_EQ(captured.losses, eager.losses);
  EXPECT_NE(eager.losses[4], eager.losses[3]) << "a replay that repeats one step would be told";
}

TEST(Recording, IsNotForTheCpu) {
  const TrainBenchmark found = steps_of("tiny_classifier", cpu, true);
  EXPECT_EQ(found.replayed_steps, 0);
  EXPECT_NE(found.why_not_captured.find("CPU"), std::string::npos) << found.why_not_captured;
  EXPECT_EQ(found.losses, steps_of("tiny_classifier", cpu, false).losses);
}

// A model that asks for a number in its forward pass.
struct Asking {
  explicit Asking(const ModelOptions& o) : head({.in = 64, .out = o.classes}) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor y = head(flatten(x));
    return y * (sum(y.detach()).item() > 1e9 ? 0.0 : 1.0);
  }
  auto fields() { return joist::fields("head", head); }
  Linear head;
};

TEST(Recording, SaysWhyItCannotAndGoesOn) {
  const ModelRegistry asking({model<Asking>("asking", 1, 8)});
  const auto losses = [&](bool capture) {
    return benchmark_training(
        {.model = "asking", .batch = 2, .size = 8, .steps = 4, .classes = 5, .device = gpu, .capture = capture},
        asking);
  };
  const TrainBenchmark found = losses(true);
  EXPECT_EQ(found.replayed_steps, 0);
  EXPECT_NE(found.why_not_captured.find("cannot be recorded"), std::string::npos) << found.why_not_captured;
  EXPECT_EQ(found.losses, losses(false).losses);
}

}  // namespace
}  // namespace joist
