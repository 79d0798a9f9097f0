// The reference kernels against numbers worked out by hand, and against the promises that core/kernels.h makes for all
// kernels. That their gradients are derivatives is gradcheck_test's business, that they equal PyTorch's
// torch_fixtures_test's.
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <cmath>

namespace joist {
namespace {

const Kernels& table() { return kernels(use_reference()); }

Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}
Array integers(const std::vector<std::int64_t>& values) {
  return Array::from(values, {static_cast<std::int64_t>(values.size())}, use_reference());
}
Array counting(const Shape& shape) {  // 1, 2, 3, …
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i + 1);
  return array(shape, values);
}
Array unset(const Shape& shape, Dtype dtype = Dtype::float64) { return Array::empty(shape, dtype, use_reference()); }

void expect(const Array& got, const std::vector<double>& wanted, double tolerance = 1e-12) {
  EXPECT_TRUE(near(values_of(got), {got.shape(), wanted}, tolerance));
}

class Promises : public testing::TestWithParam<Listed> {};
std::vector<Listed> short_cases() {
  std::vector<Listed> listed = all_cases();
  std::erase_if(listed, [](const Listed& x) { return x.one->large; });
  return listed;
}
INSTANTIATE_TEST_SUITE_P(Case, Promises, testing::ValuesIn(short_cases()), name_of_case);

TEST_P(Promises, OutputsAreOverwrittenOrAddedTo) {
  const cases::Case& one = *GetParam().one;
  const Result wanted = run_case(one, use_reference());
  expect_near(run_case(one, use_reference(), {.start = StrictKernels::Start::nan}), wanted, 1e-12);
  const RunOptions added{.passes = 2, .spread_gradients = true, .start = StrictKernels::Start::number};
  expect_near(run_case(one, use_reference(), added), wanted, 1e-12, 1, 2);
}

TEST(Reference, BinaryGradientIsSummedOverBroadcastAxes) {
  const Array a = array({2, 1}, {2, 3}), b = array({3}, {5, 6, 7}), dy = counting({2, 3});
  const Array da = unset({2, 1}), db = unset({3});
  table().elementwise.binary_backward(Multiply{}, a, b, dy, 0, Out{da});
  table().elementwise.binary_backward(Multiply{}, a, b, dy, 1, Out{db});
  expect(da, {1 * 5 + 2 * 6 + 3 * 7, 4 * 5 + 5 * 6 + 6 * 7});
  expect(db, {2 * 1 + 3 * 4, 2 * 2 + 3 * 5, 2 * 3 + 3 * 6});
}

TEST(Reference, CopyConvertsAndBroadcasts) {
  const Array whole = unset({2, 2}, Dtype::int64);
  table().elementwise.copy(array({2}, {1.75, -2.5}), Out{whole});
  EXPECT_EQ(whole.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, -2, 1, -2}));
}

TEST(Reference, ReductionsScaleAndFindTheFirstMaximum) {
  const Array columns = unset({1, 3});
  table().reduction.sum(counting({2, 3}), 0.5, Out{columns});
  expect(columns, {2.5, 3.5, 4.5});
  const Array best = unset({2, 1}), where = unset({2, 1}, Dtype::int64);
  table().reduction.maximum(array({2, 3}, {1, 4, 4, -2, -3, -2}), 1, Out{best}, where);
  expect(best, {4, -2});
  EXPECT_EQ(where.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0}));
}

TEST(Reference, MatmulAddsTheBias) {
  const Array y = unset({2, 2});
  table().matmul.product(counting({2, 3}), array({3, 2}, {1, 0, 0, 1, 2, 2}), array({2}, {100, 200}), Out{y});
  expect(y, {107, 208, 116, 217});
}

TEST(Reference, ConvolutionStridesPadsDilatesAndGroups) {
  const Array x = counting({1, 2, 3, 3}), w = array({2, 1, 2, 1}, {1, 10, 100, 1000});
  const Array y = unset({1, 2, 2, 2});  // channel 0 from channel 0, channel 1 from channel 1
  table().convolution.forward(x, w, array({2}, {0.5, 0}),
                              {.stride = {2, 2}, .padding = {1, 0}, .dilation = {2, 1}, .groups = 2}, Out{y});
  // Rows -1 and 1, then 1 and 3; columns 0 and 2.
  expect(y, {40.5, 60.5, 4.5, 6.5, 13000, 15000, 1300, 1500});
  const Array dw = unset({2, 1, 2, 1}), db = unset({2});
  table().convolution.backward_weight(x, counting({1, 2, 2, 2}),
                                      {.stride = {2, 2}, .padding = {1, 0}, .dilation = {2, 1}, .groups = 2}, Out{dw},
                                      Out{db});
  expect(dw, {3 * 4 + 4 * 6, 1 * 4 + 2 * 6, 7 * 13 + 8 * 15, 5 * 13 + 6 * 15});
  expect(db, {10, 26});
}

TEST(Reference, BatchNormKeepsTheUnbiasedVariance) {
  const Array x = array({4, 1}, {1, 3, 5, 7});  // mean 4, biased variance 5, unbiased 20/3
  const Array running_mean = array({1}, {10}), running_variance = array({1}, {1});
  const Array y = unset({4, 1}), mean = unset({1}), inverse_deviation = unset({1});
  table().batch_norm.train(x, array({1}, {2}), array({1}, {-1}), {.epsilon = 4, .momentum = 0.25, .activation = Relu{}},
                           running_mean, running_variance, Out{y}, mean, inverse_deviation);
  expect(mean, {4});
  expect(inverse_deviation, {1.0 / 3});
  expect(y, {0, 0, 0, 1});  // 2 · (x - 4) / 3 - 1
  expect(running_mean, {0.75 * 10 + 0.25 * 4});
  expect(running_variance, {0.75 * 1 + 0.25 * 20 / 3});
}

TEST(Reference, PoolingTakesTheFirstOfEqualsAndCountsPadding) {
  const Array x = array({1, 1, 2, 3}, {5, 5, 1, 5, 2, 7});
  const Array y = unset({1, 1, 1, 2}), index = unset({1, 1, 1, 2}, Dtype::int32), dx = unset({1, 1, 2, 3});
  const PoolOptions options{.stride = {1, 1}};
  table().pool.maximum(x, options, Out{y}, index);
  expect(y, {5, 7});
  EXPECT_EQ(index.to_vector<std::int32_t>(), (std::vector<std::int32_t>{0, 5}));
  table().pool.maximum_backward(counting({1, 1, 1, 2}), index, options, Out{dx});
  expect(dx, {1, 0, 0, 0, 0, 2});

  const Array mean = unset({1, 1, 1, 2});
  PoolOptions padded{.kernel = {2, 1}, .stride = {3, 2}, .padding = {1, 0}};
  table().pool.average(x, padded, Out{mean});
  expect(mean, {2.5, 0.5});
  padded.count_padding = false;
  table().pool.average(x, padded, Out{mean});
  expect(mean, {5, 1});
}

TEST(Reference, NearestRoundsDown) {
  const Array y = unset({1, 1, 1, 5}), dx = unset({1, 1, 1, 3});
  table().resize.nearest(counting({1, 1, 1, 3}), Out{y});
  expect(y, {1, 1, 2, 2, 3});
  table().resize.nearest_backward(counting({1, 1, 1, 5}), Out{dx});
  expect(dx, {3, 7, 5});
}

TEST(Reference, SoftmaxOfLogarithmsIsTheirShare) {
  const Array x = array({3}, {std::log(1), std::log(2), std::log(5)}), y = unset({3});
  table().softmax.softmax(x, 0, Out{y});
  expect(y, {0.125, 0.25, 0.625});
  table().softmax.log_softmax(x, 0, Out{y});
  expect(y, {std::log(0.125), std::log(0.25), std::log(0.625)});
}

TEST(Reference, LossesOfKnownShares) {
  const double a = -std::log(0.125), b = -std::log(0.25), c = -std::log(0.625);
  const Array logits = array({2, 3}, {std::log(1), std::log(2), std::log(5), 1, 2, 3});
  const Array loss = unset({2}), dlogits = unset({2, 3});
  const CrossEntropyOptions options{.label_smoothing = 0.3, .ignore = 7};
  table().loss.cross_entropy(logits, integers({1, 7}), options, Out{loss});
  expect(loss, {0.1 * a + 0.8 * b + 0.1 * c, 0});
  table().loss.cross_entropy_backward(logits, integers({1, 7}), array({2}, {2, 2}), options, Out{dlogits});
  expect(dlogits, {2 * (0.125 - 0.1), 2 * (0.25 - 0.8), 2 * (0.625 - 0.1), 0, 0, 0});
  table().loss.distribution_focal(logits, array({2}, {0.25, 1.0}), Out{loss});
  expect(loss, {0.75 * a + 0.25 * b, std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 2});
}

TEST(Reference, CompleteIouOfKnownBoxes) {
  // Equal boxes; a square inside one of four times its area; boxes apart; a box of another aspect around the same
  // centre.
  const Array a = array({4, 4}, {1, 1, 3, 3, 1, 1, 3, 3, 0, 0, 1, 1, 0, 1, 4, 3});
  const Array b = array({4, 4}, {1, 1, 3, 3, 0, 0, 4, 4, 2, 0, 3, 1, 1, 0, 3, 4}), y = unset({4});
  table().loss.complete_iou(a, b, Out{y});
  const double iou = 4.0 / 12, v = 4 / std::pow(std::acos(-1.0), 2) * std::pow(std::atan(0.5) - std::atan(2.0), 2);
  expect(y, {1, 0.25, -4.0 / (9 + 1), iou - v * v / (1 - iou + v)}, 1e-6);
}

TEST(Reference, RowsAddUpWhereTheyWereTakenTwice) {
  const Array y = unset({3, 2}), dx = unset({3, 2});
  table().indexing.take_rows(counting({3, 2}), integers({2, 0, 2}), Out{y});
  expect(y, {5, 6, 1, 2, 5, 6});
  table().indexing.take_rows_backward(counting({3, 2}), integers({2, 0, 2}), Out{dx});
  expect(dx, {3, 4, 0, 0, 6, 8});
}

TEST(Reference, DropoutFollowsTheWordsOfItsKey) {
  const RandomKey key{.seed = 3, .stream = Stream::dropout, .call = 1};
  const Array x = counting({6}), y = unset({6});
  table().random.dropout(x, 0.5, key, Out{y});
  std::vector<double> wanted;
  for (std::uint32_t block = 0; block < 2; ++block)
    for (const std::uint32_t word : random_bits(key, block))
      wanted.push_back(word >= 0x80000000U ? 2.0 * static_cast<double>(wanted.size() + 1) : 0.0);
  wanted.resize(6);
  expect(y, wanted);
}

TEST(Reference, OptimizersStepByTheirFormulas) {
  const Array p = array({1}, {1}), g = array({1}, {2}), v = array({1}, {std::nan("")});
  const auto sgd = [&](bool first, bool nesterov) {
    table().optimizer.step({.rule = SgdRule{.rate = 0.1,
                                            .momentum = first ? 0 : 0.5,
                                            .undamped = first ? 1 : 0.75,
                                            .nesterov_momentum = 0.5,
                                            .moving = true,
                                            .nesterov = nesterov},
                            .weight_decay = 1},
                           p, g, {v});
  };
  sgd(true, false);  // d = 3, v = 3
  expect(p, {0.7});
  sgd(false, false);  // d = 2.7, v = 1.5 + 2.025
  expect(v, {3.525});
  expect(p, {0.3475});
  sgd(false, true);  // d = 2.3475, v = 1.7625 + 1.760625, d + v / 2
  expect(p, {0.3475 - 0.1 * (2.3475 + 0.5 * 3.523125)});

  const Array q = array({1}, {1}), m = array({1}, {0}), s = array({1}, {0});
  const auto adam = [&](double shrink, double correction1, double correction2) {
    const AdamRule rule{
        .rate = 0.1 / correction1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1, .correction = 1 / std::sqrt(correction2)};
    table().optimizer.step({.rule = rule, .shrink = shrink}, q, g, {m, s});
  };
  adam(0.95, 0.1, 0.001);
  expect(q, {0.95 - 0.1 * 2 / (2 + 1)});
  expect(m, {0.2});
  expect(s, {0.004});
  adam(1, 0.19, 0.001999);  // still 2 after correction
  expect(q, {0.95 - 0.2 * 2 / (2 + 1)});

  const Array average = array({2}, {0, 4}), total = unset({1});
  table().optimizer.interpolate(array({2}, {1, 0}), 0.25, average);
  expect(average, {0.25, 3});
  table().optimizer.square_sum(average, total);
  expect(total, {9.0625});
  table().optimizer.product_sum(average, array({2}, {4, -1}), total);
  expect(total, {-2});
}

}  // namespace
}  // namespace joist
