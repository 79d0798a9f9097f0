// NaN, ties, infinities and empty inputs: what PyTorch 2.15 answers, written down here. What the case tables cannot
// say: the element types of results, and values where a file of numbers has no NaN.
#include <joist/core/ops.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();

Tensor vector(const std::vector<float>& values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }
Tensor whole(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

void expect(const Tensor& got, const std::vector<float>& wanted) {
  const auto values = to(got.detach(), Dtype::float32).value().to_vector<float>();
  ASSERT_EQ(values.size(), wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isnan(wanted[i])) {
      EXPECT_TRUE(std::isnan(values[i])) << i << ": " << values[i];
    } else if (std::isinf(wanted[i])) {
      EXPECT_EQ(values[i], wanted[i]) << i;
    } else {
      EXPECT_NEAR(values[i], wanted[i], 1e-5F * std::abs(wanted[i])) << i;
    }
}

// The gradient of y(x) at these numbers.
template <class Function>
Tensor slope(const std::vector<float>& values, const Function& function) {
  const Tensor x(Array::from(values, {static_cast<std::int64_t>(values.size())}), true);
  function(x).backward();
  return Tensor(x.gradient());
}

TEST(Edges, NanIsTheLargestInOrder) {
  const Tensor x = tensor(std::vector<float>{1, 3, 3, 1, 2, 2, 2, 1, 1, 0, nan, 1, nan, 1, nan}, {3, 5});
  expect(median(x, 1).values, {2, 1, nan});
  expect(median(x, 1).indices, {4, 3, 0});
  expect(nanmedian(x, 1).values, {2, 1, 1});
  expect(nanmedian(x, 1).indices, {4, 3, 1});
  expect(mode(slice(x, 0, 0, 2), 1).values, {1, 1});
  expect(mode(slice(x, 0, 0, 2), 1).indices, {3, 3});
  expect(topk(vector({1, nan, 3}), 2).values, {nan, 3});
  expect(topk(vector({1, nan, 3}), 2, 0, false).values, {1, 3});
  expect(unique(vector({nan, 1, nan})).values, {1, nan, nan});
  expect(searchsorted(vector({1, 2, 3}), vector({nan})), {3});
  expect(isin(vector({nan, 1}), vector({nan, 1})), {0, 1});
  expect(argmax(vector({1, nan, 3, nan})), {1});
  expect(argmin(vector({1, nan})), {1});
  expect(quantile(vector({1, 2, nan}), 0.5), {nan});
  expect(nanquantile(vector({1, 2, nan}), vector({0.5})), {1.5});
  expect(nanmedian(vector({nan, nan})), {nan});
  expect(median(whole({1, 2, 3, 4})), {2});
}

TEST(Edges, RunningExtremesKeepTheLastOfEqualsAndNan) {
  const ValuesIndices top = cummax(vector({1, 3, 3, nan, 5, nan}), 0), low = cummin(vector({3, 1, 1, nan, 0}), 0);
  expect(top.values, {1, 3, 3, nan, nan, nan});
  expect(top.indices, {0, 1, 2, 3, 3, 5});
  expect(low.values, {3, 1, 1, nan, nan});
  expect(low.indices, {0, 1, 2, 3, 3});
  expect(logcumsumexp(vector({-infinity, -infinity, 1}), 0), {-infinity, -infinity, 1});
}

TEST(Edges, NothingHasTheNeutralElementOrNone) {
  const Tensor none = vector({}), rows = zeros({0, 3});
  expect(sum(none), {0});
  expect(prod(none), {1});
  expect(mean(none), {nan});
  expect(any(none), {0});
  expect(all(none), {1});
  expect(median(none), {nan});
  expect(logsumexp(rows, 0), {-infinity, -infinity, -infinity});
  EXPECT_EQ(logsumexp(rows, 1).shape(), Shape{0});
  EXPECT_EQ(max(rows, 1).values.shape(), Shape{0});
  expect(norm(none, 1), {0});
  expect(var(vector({1})), {nan});
  expect(var(none), {nan});
  EXPECT_EQ(cummax(zeros({0, 2}), 0).values.shape(), (Shape{0, 2}));
  expect(histc(none, 3), {0, 0, 0});
  expect(histogram(none, 2).edges, {0, 0.5, 1});
  expect(histogram(vector({2, 2}), 4).counts, {0, 0, 2, 0});
  expect(histogram(vector({2, 2}), 4).edges, {1.5, 1.75, 2, 2.25, 2.5});
  expect(histc(vector({2, 2}), 4), {0, 0, 2, 0});
  expect(histc(vector({1, nan}), 3, 0, 2), {0, 1, 0});
}

TEST(Edges, TotalsOfIntegersAreWide) {
  const Tensor bytes = to(whole({200, 100}), Dtype::uint8), truth = gt(vector({1, 0, 2}), 0);
  EXPECT_EQ(sum(bytes).dtype(), Dtype::int64);
  expect(sum(bytes), {300});
  EXPECT_EQ(sum(truth).dtype(), Dtype::int64);
  EXPECT_EQ(prod(truth).dtype(), Dtype::int64);
  EXPECT_EQ(cumsum(truth, 0).dtype(), Dtype::int64);
  EXPECT_EQ(cumprod(to(whole({2}), Dtype::int32), 0).dtype(), Dtype::int64);
  EXPECT_EQ(amax(bytes).dtype(), Dtype::uint8);
  EXPECT_EQ(max(truth).dtype(), Dtype::boolean);
  EXPECT_EQ(diff(truth).dtype(), Dtype::boolean);
  EXPECT_EQ(sort(bytes).values.dtype(), Dtype::uint8);
  EXPECT_EQ(logsumexp(whole({1, 2})).dtype(), Dtype::float32);
  EXPECT_EQ(bincount(whole({1, 2})).dtype(), Dtype::int64);
  EXPECT_EQ(bincount(whole({1, 2}), whole({1, 2})).dtype(), Dtype::float64);
  EXPECT_EQ(concat({vector({1}), whole({2})}).dtype(), Dtype::float32);
  expect(sum(whole({std::numeric_limits<std::int64_t>::max(), 1})) + 1.0, {-9223372036854775807.0F});  // wraps around
}

TEST(Edges, TiesShareOrTheFirstTakesAll) {
  expect(slope({1, 0, 1, 0}, [](auto x) { return max(x); }), {0.5, 0, 0.5, 0});
  expect(slope({1, 0, 1, 0}, [](auto x) { return max(x, 0).values; }), {1, 0, 0, 0});
  expect(slope({1, 0, 1, 0}, [](auto x) { return amax(x, 0); }), {0.5, 0, 0.5, 0});
  expect(slope({1, 0, 1, 0}, [](auto x) { return aminmax(x).min; }), {0, 0.5, 0, 0.5});
  expect(slope({1, 0, 1, 0}, [](auto x) { return median(x); }), {0, 0.5, 0, 0.5});
  expect(slope({-2, 2, 2}, [](auto x) { return norm(x, std::numeric_limits<double>::infinity()); }),
         {-1 / 3.0F, 1 / 3.0F, 1 / 3.0F});
  expect(slope({1, 0, 1, 0}, [](auto x) { return sum(cummax(x, 0).values); }), {2, 0, 2, 0});
}

TEST(Edges, GradientsAreZeroAtTheTipOfANorm) {
  for (const double p : {1.0, 2.0, 3.0, 1.5, 0.5, std::numeric_limits<double>::infinity()})
    expect(slope({0, 0, 0}, [p](auto x) { return norm(x, p); }), {0, 0, 0});
  expect(slope({1, 0, 1, 0}, [](auto x) { return norm(x, 0.5); }), {2, 0, 2, 0});
  expect(slope({2, 2}, [](auto x) { return std(x); }), {0, 0});
  expect(slope({infinity, 1, infinity}, [](auto x) { return norm(x, -std::numeric_limits<double>::infinity()); }),
         {0, 1, 0});
  // Here PyTorch has NaN; rows that are masked altogether must not spoil a training step.
  expect(slope({-infinity, -infinity}, [](auto x) { return logsumexp(x); }), {0, 0});
}

TEST(Edges, HalvesAndDoublesReachEveryKernel) {
  for (const Dtype dtype : {Dtype::float16, Dtype::bfloat16, Dtype::float64}) {
    const Tensor x = to(vector({3, 1, 2, 2}), dtype);
    expect(sort(x).values, {1, 2, 2, 3});
    expect(cumsum(x, 0), {3, 4, 6, 8});
    expect(cummax(x, 0).values, {3, 3, 3, 3});
    expect(prod(x), {12});
    expect(min(x), {1});
    expect(gather(x, 0, whole({3, 0})), {2, 3});
    expect(scatter_add(x, 0, whole({0, 0, 1, 3}), x), {7, 3, 2, 4});
    expect(scatter_reduce(x, 0, whole({0, 0, 1, 3}), x, ScatterReduction::amax), {3, 2, 2, 2});
    expect(searchsorted(sort(x).values, x), {3, 0, 1, 1});
    expect(einsum("i,i->", {x, x}), {18});
    expect(flip(x, {0}), {2, 2, 1, 3});
    expect(index_put(x, {whole({-1})}, to(vector({9}), dtype)), {3, 1, 2, 9});
    expect(logsumexp(slice(x, 0, 0, 1)), {3});
    EXPECT_EQ(norm(x).dtype(), dtype);
  }
}

}  // namespace
}  // namespace joist
