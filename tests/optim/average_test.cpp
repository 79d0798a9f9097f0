// The moving average, and schedules.
#include <joist/core/kernels.h>
#include <joist/optim/average.h>
#include <joist/optim/schedule.h>
#include <joist/optim/sgd.h>
#include <joist/tests/optim/support.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

void set(const Tensor& tensor, double value) { kernels(cpu).elementwise.fill(value, tensor.value()); }

TEST(MovingAverage, FollowsWeightsAndStatisticsWithARampedDecay) {
  const std::vector<Field> fields{parameter("a.weight", {1}, {1, 1}), testing::buffer("a.running_mean", {2, 2}, {2})};
  const FlatParameters flat(fields);
  MovingAverage average(flat, fields, {.decay = 0.9, .tau = 5});
  double weight = 1, mean = 2;
  for (int t = 1; t <= 4; ++t) {
    set(fields[0].tensor, t + 10);
    set(fields[1].tensor, t + 20);
    average.update();
    const double d = 0.9 * (1 - std::exp(-t / 5.0));
    weight = d * weight + (1 - d) * (t + 10);
    mean = d * mean + (1 - d) * (t + 20);
  }
  EXPECT_EQ(average.updates(), 4);
  EXPECT_EQ(numbers(fields[0].tensor.value())[0], 14);
  {
    const Averaged swapped(&average);
    EXPECT_NEAR(numbers(fields[0].tensor.value())[0], weight, 1e-5);
    EXPECT_NEAR(numbers(fields[1].tensor.value())[1], mean, 1e-5);
  }
  EXPECT_EQ(numbers(fields[0].tensor.value())[0], 14);
  EXPECT_EQ(numbers(fields[1].tensor.value())[0], 24);
  EXPECT_TRUE(fields[0].tensor.value().shares_memory_with(flat.values()));
}

// What update s counts in the end, for runs of 100 and of 10000 updates: half of it lies in the same last part of both.
TEST(MovingAverage, SpansAShareOfTheUpdatesSoFar) {
  for (const int length : {100, 10000}) {
    const std::vector<Field> fields{parameter("a.weight", {0}, {1})};
    const FlatParameters flat(fields);
    MovingAverage average(flat, fields, {.decay = 1, .share = 0.1});
    double kept = 0;
    for (int t = 1; t <= length; ++t) {
      set(fields[0].tensor, t / static_cast<double>(length));
      average.update();
      kept += (t / static_cast<double>(length) - kept) / (1 + 0.1 * t);
    }
    EXPECT_NEAR(numbers(average.values())[0], kept, 1e-4);
    // The mean age, as a share of the run: 1 / 11 of it where the weights grow as t^9.
    EXPECT_NEAR(1 - kept, 1 / 11.0, length == 100 ? 0.01 : 1e-3) << length;
  }
  const std::vector<Field> fields{parameter("a.weight", {0}, {1})};
  const FlatParameters flat(fields);
  MovingAverage capped(flat, fields, {.decay = 0.5, .share = 0.1});
  set(fields[0].tensor, 1);
  for (int t = 1; t <= 12; ++t) capped.update();
  // 1 / (1 + 0.1 t) until t = 10, from then on 1 - decay.
  double left = 1;
  for (int t = 1; t <= 12; ++t) left *= 1 - std::max(1 / (1 + 0.1 * t), 0.5);
  EXPECT_NEAR(numbers(capped.values())[0], 1 - left, 1e-6);
  EXPECT_THROW(MovingAverage(flat, fields, {.share = 1.5}), UsageError);
  EXPECT_THROW(MovingAverage(flat, fields, {.share = -0.1}), UsageError);
}

TEST(MovingAverage, TrainingGoesOnUndisturbedAfterASwap) {
  const std::vector<Field> fields{parameter("a.weight", {1, 2}, {2, 1})};
  FlatParameters flat(fields);
  Sgd optimizer(flat, {.lr = 0.5});
  MovingAverage average(flat, fields);
  average.update();
  { const Averaged swapped(&average); }
  give_gradient(fields[0].tensor, {1, 1});
  optimizer.step();
  EXPECT_EQ(numbers(fields[0].tensor.value()), (std::vector<double>{0.5, 1.5}));
}

TEST(MovingAverage, StateComesBack) {
  const std::vector<Field> fields{parameter("a.weight", {1}, {1, 1}), testing::buffer("a.running_mean", {2}, {1})};
  const FlatParameters flat(fields);
  MovingAverage average(flat, fields), other(flat, fields);
  set(fields[0].tensor, 5);
  set(fields[1].tensor, 6);
  average.update();
  std::vector<NamedState> saved = average.state();
  ASSERT_EQ(saved.size(), 2U);
  EXPECT_EQ(saved[0].name, "a.weight");
  EXPECT_EQ(saved[1].name, "a.running_mean");
  other.load(saved, average.updates());
  EXPECT_EQ(other.updates(), 1);
  EXPECT_EQ(numbers(other.state()[0].array), numbers(average.state()[0].array));
  EXPECT_EQ(numbers(other.state()[1].array), numbers(average.state()[1].array));
  saved.pop_back();
  EXPECT_THROW(other.load(saved, 1), DataError);
}

TEST(Schedule, IsAFunctionOfProgress) {
  EXPECT_DOUBLE_EQ(schedule::linear(0, 1, 0.01), 1);
  EXPECT_DOUBLE_EQ(schedule::linear(0.5, 1, 0.01), 0.505);
  EXPECT_DOUBLE_EQ(schedule::linear(2, 1, 0.01), 0.01);
  EXPECT_DOUBLE_EQ(schedule::cosine(0, 1, 0.01), 1);
  EXPECT_DOUBLE_EQ(schedule::cosine(0.5, 1, 0), 0.5);
  EXPECT_DOUBLE_EQ(schedule::cosine(1, 1, 0.01), 0.01);
  EXPECT_DOUBLE_EQ(schedule::warmed_up(0, 4), 0.25);
  EXPECT_DOUBLE_EQ(schedule::warmed_up(3, 4), 1);
  EXPECT_DOUBLE_EQ(schedule::warmed_up(9, 4), 1);
  EXPECT_DOUBLE_EQ(schedule::warmed_up(0, 0), 1);
}

TEST(MovingAverage, EqualWeightsAreThePlainMean) {
  const std::vector<Field> fields{parameter("a.weight", {100}, {1, 1})};
  FlatParameters parameters(fields);
  MovingAverage average(parameters, fields, {.equal = true});
  for (const float value : {1.0F, 2.0F, 6.0F}) {
    fields[0].tensor.value().data<float>()[0] = value;
    average.update();
  }
  average.swap();
  EXPECT_FLOAT_EQ(fields[0].tensor.value().data<float>()[0], 3);
}

}  // namespace
}  // namespace joist
