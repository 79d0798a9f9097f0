// The plain kernels of attention and row normalization against numbers worked out by hand.
#include <joist/core/kernels.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <cmath>

namespace joist {
namespace {

const Kernels& table() { return kernels(use_reference()); }
Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}
Array unset(const Shape& shape) { return Array::empty(shape, Dtype::float64, use_reference()); }
void expect(const Array& got, const std::vector<double>& wanted) {
  EXPECT_TRUE(near(values_of(got), {got.shape(), wanted}, 1e-12));
}

TEST(PlainAttention, OneQueryTwoKeys) {
  const double ln2 = std::log(2.0);  // scores 0 and ln 2: weights 1/3 and 2/3
  const AttentionOptions options{.scale = 1};
  const AttentionArguments arguments{
      .q = array({1, 1, 1, 1}, {ln2}), .k = array({1, 1, 2, 1}, {0, 1}), .v = array({1, 1, 2, 1}, {3, 6})};
  const Array y = unset({1, 1, 1, 1}), log_sum = unset({1, 1, 1});
  table().attention.forward(options, arguments, {y, false}, log_sum);
  expect(y, {5});
  expect(log_sum, {std::log(3.0)});
  const Array dq = unset({1, 1, 1, 1}), dk = unset({1, 1, 2, 1}), dv = unset({1, 1, 2, 1}), dmask = unset({1, 1, 1, 2});
  table().attention.backward(options, arguments, y, log_sum, array({1, 1, 1, 1}, {1}),
                             {{dq, false}, {dk, false}, {dv, false}, {dmask, false}});
  expect(dmask, {-2.0 / 3, 2.0 / 3});  // w (v - y)
  expect(dq, {2.0 / 3});
  expect(dk, {-2.0 / 3 * ln2, 2.0 / 3 * ln2});
  expect(dv, {1.0 / 3, 2.0 / 3});
}

// With equal scores the result is the mean of what may be seen.
std::vector<double> means_of_seen(const AttentionOptions& options, std::int64_t queries, std::int64_t keys) {
  std::vector<double> numbers;
  for (std::int64_t j = 0; j < keys; ++j) numbers.push_back(std::pow(10, static_cast<double>(j)));
  const AttentionArguments arguments{
      .q = array({1, 1, queries, 1}, std::vector<double>(static_cast<std::size_t>(queries), 0.0)),
      .k = array({1, 1, keys, 1}, std::vector<double>(static_cast<std::size_t>(keys), 1.0)),
      .v = array({1, 1, keys, 1}, numbers)};
  const Array y = unset({1, 1, queries, 1});
  table().attention.forward(options, arguments, {y, false}, unset({1, 1, queries}));
  return y.to_vector<double>();
}

TEST(PlainAttention, WhatIsSeen) {
  const auto expect_seen = [](const AttentionOptions& options, std::int64_t queries, std::int64_t keys,
                              const std::vector<double>& wanted) {
    const auto got = means_of_seen(options, queries, keys);
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-9) << i;
  };
  expect_seen({.causal = true}, 2, 3, {1, 5.5});
  expect_seen({.causal = true, .align_end = true}, 2, 3, {5.5, 37});
  expect_seen({.causal = true, .align_end = true}, 3, 2, {0, 1, 5.5});
  expect_seen({.window = 2}, 3, 4, {5.5, 37, 370});
  expect_seen({.causal = true, .window = 2}, 3, 3, {1, 5.5, 55});
}

TEST(PlainAttention, DropoutFollowsTheStatedWords) {
  const RandomKey key{.seed = 11, .stream = Stream::dropout, .step = 2};
  const std::vector<double> got = means_of_seen({.dropout = 0.5, .key = key}, 3, 5);
  for (std::uint32_t row = 0; row < 3; ++row) {
    double wanted = 0;
    for (std::uint32_t j = 0; j < 5; ++j)  // two blocks of four words per row of five keys
      if (uniform_from(random_bits(key, 2 * row + j / 4)[j % 4]) >= 0.5F) wanted += std::pow(10, j) / 5 / 0.5;
    EXPECT_NEAR(got[row], wanted, 1e-9) << row;
  }
}

TEST(PlainLayerNorm, RowOfThree) {  // mean 1, variance 6
  const Array x = array({1, 3}, {-2, 1, 4}), gamma = array({3}, {2, 3, 1}), beta = array({3}, {10, 20, 30});
  const Array y = unset({1, 3}), mean = unset({1}), inverse = unset({1});
  table().layer_norm.forward(x, gamma, beta, {.epsilon = 3}, {y, false}, mean, inverse);  // √(6 + 3) = 3
  expect(y, {8, 20, 31});
  expect(mean, {1});
  expect(inverse, {1.0 / 3});
  const Array dx = unset({1, 3}), dgamma = unset({3}), dbeta = unset({3});
  // γ dy = 2, 3, 4; its mean 3; mean(γ dy x̂) = 2/3; dx = (γ dy - 3 - x̂ 2/3) / 3
  table().layer_norm.backward(x, array({1, 3}, {1, 1, 4}), gamma, mean, inverse, {.epsilon = 3}, {dx, false},
                              {dgamma, false}, {dbeta, false});
  expect(dx, {-1.0 / 9, 0, 1.0 / 9});
  expect(dgamma, {-1, 0, 4});
  expect(dbeta, {1, 1, 4});
}

TEST(PlainLayerNorm, RootOfMeanSquares) {  // 1/√25
  const Array x = array({1, 2}, {1, 7}), y = unset({1, 2}), inverse = unset({1}), dx = unset({1, 2});
  const LayerNormOptions options{.epsilon = 0, .root = true};
  table().layer_norm.forward(x, {}, {}, options, {y, false}, {}, inverse);
  expect(y, {0.2, 1.4});
  table().layer_norm.backward(x, array({1, 2}, {1, 0}), {}, {}, inverse, options, {dx, false}, {}, {});
  expect(dx, {0.2 * (1 - 0.2 * 0.1), -0.2 * 1.4 * 0.1});
}

}  // namespace
}  // namespace joist
