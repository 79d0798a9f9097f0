// New tensors: constant, counting and random. Values worked out by hand or PyTorch's; moments of random numbers.
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<double> doubles(const Tensor& x) { return to(x, Dtype::float64).value().to_vector<double>(); }
std::vector<std::int64_t> whole(const Tensor& x) { return x.value().to_vector<std::int64_t>(); }
using Whole = std::vector<std::int64_t>;

TEST(Creation, ConstantTensors) {
  EXPECT_EQ(doubles(zeros({2, 2})), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(doubles(ones({2}, Dtype::int32)), (std::vector<double>{1, 1}));
  EXPECT_EQ(full({2}, 2.5).dtype(), Dtype::float32);
  EXPECT_EQ(doubles(full({1}, 7, Dtype::bfloat16)), (std::vector<double>{7}));
  const Tensor x = full({2, 1}, 3, Dtype::float64);
  EXPECT_EQ(doubles(zeros_like(x)), (std::vector<double>{0, 0}));
  EXPECT_EQ(ones_like(x).dtype(), Dtype::float64);
  EXPECT_EQ(doubles(full_like(x, -1)), (std::vector<double>{-1, -1}));
  EXPECT_EQ(empty({3, 0}).shape(), (Shape{3, 0}));
  EXPECT_EQ(tensor(std::vector<float>{1, 2}, {2}).dtype(), Dtype::float32);
  EXPECT_EQ(tensor(std::vector<double>{1, 2}, {2}).dtype(), Dtype::float64);
  EXPECT_EQ(tensor(std::vector<std::int64_t>{1, 2}, {1, 2}).dtype(), Dtype::int64);
  EXPECT_THROW(tensor(std::vector<float>{1, 2}, {3}), ShapeError);
}

TEST(Creation, Counting) {
  EXPECT_EQ(whole(arange(0, 5)), (Whole{0, 1, 2, 3, 4}));
  EXPECT_EQ(whole(arange(5, 0, -2)), (Whole{5, 3, 1}));
  EXPECT_EQ(arange(3, 3).shape(), Shape{0});
  EXPECT_EQ(doubles(arange(0, 1, 0.25, Dtype::float64)), (std::vector<double>{0, 0.25, 0.5, 0.75}));
  EXPECT_THROW(arange(0, 5, 0), UsageError);
  EXPECT_THROW(arange(0, 5, -1), UsageError);
  EXPECT_EQ(doubles(linspace(-1, 1, 5)), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(doubles(linspace(3, 9, 1)), (std::vector<double>{3}));
  EXPECT_EQ(linspace(3, 9, 0).shape(), Shape{0});
  EXPECT_THROW(linspace(0, 1, -1), UsageError);
  EXPECT_EQ(doubles(linspace(0.1, 0.7, 4, Dtype::float64)).back(), 0.7);  // the end exactly
  const auto powers = doubles(logspace(0, 3, 4, 2, Dtype::float64));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(powers[i], std::pow(2.0, static_cast<double>(i)));
}

TEST(Creation, Matrices) {
  EXPECT_EQ(doubles(eye(2)), (std::vector<double>{1, 0, 0, 1}));
  EXPECT_EQ(doubles(eye(2, 3)), (std::vector<double>{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(eye(3, 0).shape(), (Shape{3, 0}));
  EXPECT_EQ(whole(tril_indices(2, 3)), (Whole{0, 1, 1, 0, 0, 1}));
  EXPECT_EQ(whole(tril_indices(3, 3, -1)), (Whole{1, 2, 2, 0, 0, 1}));
  EXPECT_EQ(whole(triu_indices(2, 3)), (Whole{0, 0, 0, 1, 1, 0, 1, 2, 1, 2}));
  EXPECT_EQ(whole(triu_indices(2, 3, 2)), (Whole{0, 2}));
  EXPECT_EQ(tril_indices(2, 2, -5).shape(), (Shape{2, 0}));
}

TEST(Creation, Grids) {
  const std::vector<Tensor> vectors{tensor(std::vector<float>{1, 2}, {2}), tensor(std::vector<float>{3, 4, 5}, {3})};
  const auto grids = meshgrid(vectors);
  EXPECT_EQ(grids[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(doubles(contiguous(grids[0])), (std::vector<double>{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(doubles(contiguous(grids[1])), (std::vector<double>{3, 4, 5, 3, 4, 5}));
  EXPECT_EQ(meshgrid(vectors, true)[0].shape(), (Shape{3, 2}));
  EXPECT_EQ(doubles(contiguous(meshgrid(vectors, true)[1])), (std::vector<double>{3, 3, 4, 4, 5, 5}));
  EXPECT_THROW(meshgrid(std::vector{zeros({2, 2})}), ShapeError);
}

struct Moments {
  double mean = 0, deviation = 0, low = 0, high = 0;
};
Moments moments_of(const Tensor& x) {
  const auto values = doubles(x);
  Moments found{.low = values[0], .high = values[0]};
  for (const double value : values) {
    found.mean += value / static_cast<double>(values.size());
    found.low = std::min(found.low, value);
    found.high = std::max(found.high, value);
  }
  for (const double value : values)
    found.deviation += (value - found.mean) * (value - found.mean) / static_cast<double>(values.size());
  found.deviation = std::sqrt(found.deviation);
  return found;
}
constexpr std::int64_t many = 40000;
constexpr double margin = 5.0 / 200;  // five standard errors of `many` numbers of deviation 1

TEST(RandomTensors, HaveTheMomentsOfTheirDistributions) {
  manual_seed(11);
  const Moments uniform = moments_of(rand({many}, 2, 6));
  EXPECT_NEAR(uniform.mean, 4, 1.16 * margin);
  EXPECT_NEAR(uniform.deviation, 4 / std::sqrt(12.0), margin);
  EXPECT_GE(uniform.low, 2);
  EXPECT_LT(uniform.high, 6);
  const Moments normal = moments_of(randn({many}, -3, 2));
  EXPECT_NEAR(normal.mean, -3, 2 * margin);
  EXPECT_NEAR(normal.deviation, 2, 2 * margin);
  const Moments cut = moments_of(truncated_normal({many}, 0, 1, -1, 2));
  EXPECT_NEAR(cut.mean, 0.22964, margin);  // (φ(-1) - φ(2)) / (Φ(2) - Φ(-1))
  EXPECT_NEAR(cut.deviation, 0.72095, margin);
  EXPECT_GE(cut.low, -1);
  EXPECT_LE(cut.high, 2);
  const Moments waiting = moments_of(exponential({many}, 4));
  EXPECT_NEAR(waiting.mean, 0.25, 0.25 * margin);
  EXPECT_NEAR(waiting.deviation, 0.25, 0.5 * margin);
  EXPECT_GE(waiting.low, 0);
  const Moments coin = moments_of(bernoulli(full({many}, 0.3)));
  EXPECT_NEAR(coin.mean, 0.3, 0.46 * margin);
  EXPECT_EQ(coin.low, 0);
  EXPECT_EQ(coin.high, 1);
  const Moments dice = moments_of(randint(1, 7, {many}));
  EXPECT_NEAR(dice.mean, 3.5, 1.71 * margin);
  EXPECT_EQ(dice.low, 1);
  EXPECT_EQ(dice.high, 6);
}

TEST(RandomTensors, DependOnSeedAndCallAlone) {
  manual_seed(5);
  const auto a = doubles(rand({100})), b = doubles(rand({100}));
  EXPECT_NE(a, b);
  manual_seed(5);
  EXPECT_EQ(doubles(rand({100})), a);
  manual_seed(6);
  EXPECT_NE(doubles(rand({100})), a);
  EXPECT_EQ(randn({3}, 0, 1, Dtype::float64).dtype(), Dtype::float64);
  EXPECT_EQ(rand({3}, 0, 1, Dtype::float16).dtype(), Dtype::float16);
}

TEST(RandomTensors, PermutationsHoldEachNumberOnce) {
  manual_seed(1);
  auto order = whole(randperm(1000));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(order, all);
  EXPECT_EQ(randperm(0).shape(), Shape{0});
}

TEST(RandomTensors, DrawsByWeight) {
  manual_seed(2);
  const Tensor weights = tensor(std::vector<float>{0, 1, 3}, {3});
  const auto drawn = whole(multinomial(weights, many, true));
  const auto count = [&drawn](std::int64_t i) { return std::count(drawn.begin(), drawn.end(), i); };
  EXPECT_EQ(count(0), 0);
  EXPECT_NEAR(static_cast<double>(count(2)) / static_cast<double>(many), 0.75, 0.43 * margin);
  const Tensor rows = multinomial(tensor(std::vector<float>{1, 1, 1, 0, 5, 5}, {2, 3}), 2);
  EXPECT_EQ(rows.shape(), (Shape{2, 2}));
  const auto each = whole(rows);
  EXPECT_NE(each[0], each[1]);  // without replacement
  EXPECT_EQ((std::set<std::int64_t>{each[2], each[3]}), (std::set<std::int64_t>{1, 2}));
}

TEST(RandomTensors, WrongArgumentsAreErrors) {
  EXPECT_THROW(randint(3, 3, {1}), UsageError);
  EXPECT_THROW(randperm(-1), UsageError);
  EXPECT_THROW(exponential({1}, 0), UsageError);
  EXPECT_THROW(truncated_normal({1}, 0, 1, 2, 2), UsageError);
  EXPECT_THROW(rand({1}, 0, 1, Dtype::int64), DtypeError);
  EXPECT_THROW(multinomial(tensor(std::vector<float>{0, 1}, {2}), 2), UsageError);
  EXPECT_THROW(multinomial(tensor(std::vector<float>{-1, 1}, {2}), 1), DataError);
  EXPECT_THROW(multinomial(zeros({2, 2, 2}), 1), ShapeError);
}

}  // namespace
}  // namespace joist
