// SGD and Adam against values computed in float64 from PyTorch's own update rules (Rosenbrock's function, 100 steps),
// and against numbers worked out by hand.
#include <joist/optim/adam.h>
#include <joist/optim/sgd.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

using Make = std::function<std::unique_ptr<Optimizer>(FlatParameters&)>;
template <class T, class Options>
Make make(const Options& options) {
  return [options](FlatParameters& flat) { return std::make_unique<T>(flat, options); };
}

struct Configuration {
  std::string name;
  Make make;
};
const std::vector<Configuration> configurations{
    {"SGD lr=1e-3", make<Sgd>(SgdOptions{.lr = 1e-3})},
    {"SGD lr=1e-4 mom=.9", make<Sgd>(SgdOptions{.lr = 1e-4, .momentum = 0.9})},
    {"SGD lr=1e-4 mom=.9 damp=.5", make<Sgd>(SgdOptions{.lr = 1e-4, .momentum = 0.9, .dampening = 0.5})},
    {"SGD lr=1e-4 mom=.9 nesterov", make<Sgd>(SgdOptions{.lr = 1e-4, .momentum = 0.9, .nesterov = true})},
    {"SGD lr=1e-4 mom=.9 wd=.1", make<Sgd>(SgdOptions{.lr = 1e-4, .momentum = 0.9, .weight_decay = 0.1})},
    {"Adam lr=.01", make<Adam>(AdamOptions{.lr = 0.01})},
    {"Adam lr=.01 wd=.1 (L2)", make<Adam>(AdamOptions{.lr = 0.01, .weight_decay = 0.1})},
    {"AdamW lr=.01 wd=.1", make<AdamW>(AdamWOptions{.lr = 0.01, .weight_decay = 0.1})},
};

std::filesystem::path golden_file() {
  const char* shared = std::getenv("JOIST_SHARED_DATA");
  const std::filesystem::path folder = shared ? shared : JOIST_SOURCE_DIR "/../shared/data";
  return folder / "golden" / "optimizers.json";
}

class Golden : public ::testing::TestWithParam<Device> {};

TEST_P(Golden, OptimizersFollowPyTorch) {
  std::ifstream file(golden_file());
  if (!file) GTEST_SKIP() << "no " << golden_file() << " (JOIST_SHARED_DATA names its folder)";
  const nlohmann::json golden = nlohmann::json::parse(file);
  // The gradient of (1 - x)² + 100 (y - x²)² is steep: float32 is held to what rounding the values alone costs.
  const double tolerance = GetParam() == cpu ? 2e-6 : 1e-12;

  for (const Configuration& configuration : configurations) {
    const std::vector<Field> fields{parameter("xy", {-1.5, 2}, {2}, GetParam())};
    FlatParameters flat(fields, together);
    const auto optimizer = configuration.make(flat);
    for (int step = 1; step <= 100; ++step) {
      const std::vector<double> at = numbers(fields[0].tensor.value());
      const double x = at[0], y = at[1];
      give_gradient(fields[0].tensor, {-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)});
      optimizer->step();
      const auto expected = golden.at(configuration.name).find(std::to_string(step));
      if (expected == golden.at(configuration.name).end()) continue;
      const std::vector<double> found = numbers(fields[0].tensor.value());
      for (std::size_t i = 0; i < 2; ++i) {
        const double wanted = expected->at(i).get<double>();
        EXPECT_NEAR(found[i], wanted, tolerance * std::abs(wanted))
            << configuration.name << " step " << step << " element " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, Golden, ::testing::Values(cpu, plain::device),
                         [](const auto& backend) { return backend.param.text(); });

TEST(Sgd, DecaysOnlyTheWeightGroup) {
  const std::vector<Field> fields{parameter("a.weight", {1}, {1, 1}), parameter("a.bias", {1}, {1})};
  FlatParameters flat(fields);
  Sgd optimizer(flat, {.lr = 0.1, .weight_decay = 0.5});
  give_gradient(fields[0].tensor, {0});
  give_gradient(fields[1].tensor, {0});
  optimizer.step();
  EXPECT_FLOAT_EQ(static_cast<float>(numbers(fields[0].tensor.value())[0]), 0.95F);
  EXPECT_EQ(numbers(fields[1].tensor.value())[0], 1);
}

TEST(Optimizer, GroupSettingsHoldFromTheNextStep) {
  const std::vector<Field> fields{parameter("a.weight", {0}, {1, 1}), parameter("a.bias", {0}, {1})};
  FlatParameters flat(fields);
  Sgd optimizer(flat, {.lr = 1});
  ASSERT_EQ(optimizer.groups()[1].name, "bias");
  optimizer.groups()[1].lr = 0.25;
  give_gradient(fields[0].tensor, {1});
  give_gradient(fields[1].tensor, {1});
  optimizer.step();
  EXPECT_EQ(numbers(fields[0].tensor.value())[0], -1);
  EXPECT_EQ(numbers(fields[1].tensor.value())[0], -0.25);
}

TEST(Optimizer, ClearsGradientsUnlessTold) {
  const std::vector<Field> fields{parameter("a.weight", {0}, {1, 1})};
  FlatParameters flat(fields);
  Sgd clearing(flat, {.lr = 1}), keeping(flat, {.lr = 1, .clear_gradients = false});
  give_gradient(fields[0].tensor, {1});
  keeping.step();
  EXPECT_TRUE(fields[0].tensor.gradient().defined());
  clearing.step();
  EXPECT_FALSE(fields[0].tensor.gradient().defined());
}

TEST(Optimizer, PaddingStaysZero) {
  const std::vector<Field> fields{parameter("a.weight", {1, 2, 3}, {3, 1})};
  FlatParameters flat(fields);
  AdamW optimizer(flat, {.lr = 0.1});
  for (int step = 0; step < 3; ++step) {
    give_gradient(fields[0].tensor, {1, -1, 1});
    optimizer.step();
  }
  const std::vector<double> all = numbers(flat.values());
  for (std::size_t i = 3; i < all.size(); ++i) EXPECT_EQ(all[i], 0) << i;
}

TEST(Optimizer, GoesOnFromASavedStateBitByBit) {
  const auto gradient = [](int step, double x) { return std::vector<double>{std::sin(step) + x, std::cos(step)}; };
  for (const Configuration& configuration : configurations) {
    const std::vector<Field> fields{parameter("a.weight", {0.5, -1}, {2, 1})};
    FlatParameters flat(fields);
    auto optimizer = configuration.make(flat);
    std::vector<double> saved_values;
    OptimizerState saved;
    for (int step = 0; step < 8; ++step) {
      if (step == 4) {
        saved_values = numbers(fields[0].tensor.value());
        saved = optimizer->state();
        for (NamedState& state : saved.arrays)
          state.array = Array::from(state.array.to_vector<float>(), state.array.shape());
      }
      give_gradient(fields[0].tensor, gradient(step, numbers(fields[0].tensor.value())[0]));
      optimizer->step();
    }
    const std::vector<Field> again{parameter("a.weight", saved_values, {2, 1})};
    FlatParameters flat_again(again);
    auto resumed = configuration.make(flat_again);
    resumed->load(saved);
    EXPECT_EQ(resumed->steps(), 4);
    for (int step = 4; step < 8; ++step) {
      give_gradient(again[0].tensor, gradient(step, numbers(again[0].tensor.value())[0]));
      resumed->step();
    }
    EXPECT_EQ(numbers(again[0].tensor.value()), numbers(fields[0].tensor.value())) << configuration.name;
  }
}

TEST(Optimizer, RefusesTheStateOfAnother) {
  const std::vector<Field> fields{parameter("a.weight", {1}, {1, 1})};
  FlatParameters flat(fields);
  Sgd sgd(flat, {.lr = 1, .momentum = 0.9});
  Adam adam(flat);
  EXPECT_THROW(adam.load(sgd.state()), DataError);
  OptimizerState incomplete = adam.state();
  incomplete.arrays.pop_back();
  incomplete.steps = 7;
  EXPECT_THROW(adam.load(incomplete), DataError);
  EXPECT_EQ(adam.steps(), 0);
}

TEST(Optimizer, RefusesOptionsThatMakeNoSense) {
  const std::vector<Field> fields{parameter("a.weight", {1}, {1, 1})};
  FlatParameters flat(fields);
  EXPECT_THROW(Sgd(flat, {.nesterov = true}), UsageError);
  EXPECT_THROW(Sgd(flat, {.lr = -1}), UsageError);
  EXPECT_THROW(Adam(flat, {.beta2 = 1}), UsageError);
}

}  // namespace
}  // namespace joist
