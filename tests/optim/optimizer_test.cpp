// What all optimizers share: groups, gradients that are cleared or kept, options and states that are refused.
#include <joist/core/error.h>
#include <joist/optim/adam.h>
#include <joist/optim/sgd.h>
#include <joist/tests/optim/support.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

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
