// Results of functions of integers and truth values: types and values are PyTorch's.
#include <joist/core/ops.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

using Numbers = std::vector<std::int64_t>;

Tensor integers(const Numbers& values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }
Tensor truths(const Numbers& values) { return to(integers(values), Dtype::boolean); }

void expect(const Tensor& got, Dtype dtype, const Numbers& wanted) {
  EXPECT_EQ(got.dtype(), dtype);
  EXPECT_EQ(to(got, Dtype::int64).value().to_vector<std::int64_t>(), wanted);
}

TEST(Integers, QuotientsAndRemaindersTowardsZeroAndDown) {
  const Tensor a = integers({7, -7, 7, -7, 6}), b = integers({2, 2, -2, -2, 3});
  expect(trunc_divide(a, b), Dtype::int64, {3, -3, -3, 3, 2});
  expect(floor_divide(a, b), Dtype::int64, {3, -4, -4, 3, 2});
  expect(fmod(a, b), Dtype::int64, {1, -1, 1, -1, 0});
  expect(remainder(a, b), Dtype::int64, {1, 1, -1, -1, 0});
  expect(trunc_divide(integers({INT64_MIN}), integers({1})), Dtype::int64, {INT64_MIN});
}

TEST(Integers, StayIntegers) {
  expect(fmax(integers({1, -4}), integers({0, 3})), Dtype::int64, {1, 3});
  expect(fmin(integers({1, -4}), integers({0, 3})), Dtype::int64, {0, -4});
  expect(relu(integers({-2, 0, 5})), Dtype::int64, {0, 0, 5});
  expect(threshold(integers({-2, 0, 5}), 0, 9), Dtype::int64, {9, 9, 5});
  EXPECT_EQ((integers({1}) / integers({2})).dtype(), Dtype::float32);
}

TEST(TruthValues, SumIsOrProductIsAnd) {
  const Tensor a = truths({0, 0, 1, 1}), b = truths({0, 1, 0, 1});
  expect(a + b, Dtype::boolean, {0, 1, 1, 1});
  expect(a * b, Dtype::boolean, {0, 0, 0, 1});
  expect(maximum(a, b), Dtype::boolean, {0, 1, 1, 1});
  expect(minimum(a, b), Dtype::boolean, {0, 0, 0, 1});
  expect(sign(a), Dtype::boolean, {0, 0, 1, 1});
  expect(heaviside(a, b), Dtype::boolean, {0, 1, 1, 1});
  expect(a + 1.0, Dtype::int64, {1, 1, 2, 2});
}

TEST(Counting, IntegersCountFromIntegers) {
  expect(arange(0, -8.5, -4.2), Dtype::int64, {0, -4, -8});
  expect(linspace(4.9, 8.9, 5, Dtype::int64), Dtype::int64, {4, 5, 6, 7, 8});
  expect(logspace(1.9, 3.9, 3, 10, Dtype::int64), Dtype::int64, {10, 100, 1000});
  expect(arange(-0.9, 2.1, 2), Dtype::int64, {0, 2});
}

TEST(MaskedFill, BroadcastsBothWays) {
  const Tensor y = masked_fill(integers({1, 2}), reshape(truths({1, 0}), {2, 1}), 7);
  EXPECT_EQ(masked_fill(truths({0, 1}), truths({1, 0}), 10).dtype(), Dtype::boolean);
  EXPECT_EQ(y.shape(), (Shape{2, 2}));
  EXPECT_EQ(y.value().to_vector<std::int64_t>(), (Numbers{7, 7, 1, 2}));
}

}  // namespace
}  // namespace joist
