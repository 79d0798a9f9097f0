// Batch normalization over several ranks against one process that sees all pictures.
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/optim/parallel/data_parallel.h>
#include <joist/tests/support/ranks.h>

#include <cmath>
#include <mutex>
#include <numeric>

#include <gtest/gtest.h>

namespace joist {
namespace {

Array normal(const Shape& shape, std::uint32_t draw, double mean, double deviation, Order order = Order::row_major) {
  const Array array = Array::empty(shape, Dtype::float32, cpu, order);
  kernels(cpu).random.normal({.seed = 11, .stream = Stream::test, .draw = draw}, mean, deviation, array);
  return array;
}

std::vector<double> numbers(const Array& array) {
  return to(Tensor(array), Dtype::float64).value().to_vector<double>();
}

struct Result {
  std::vector<double> y{}, dx{}, dgamma{}, dbeta{}, mean{}, variance{};
};

struct Case {
  std::int64_t channels;
  Order order;
  std::vector<std::int64_t> counts;  // pictures per rank
  Unary activation = Identity{};
  bool affine = true;
};

// The normalization of pictures [first, last) of the case, with gradients.
Result run(const Case& c, std::int64_t first, std::int64_t last) {
  const std::int64_t all = std::accumulate(c.counts.begin(), c.counts.end(), std::int64_t{0});
  const Shape shape{all, c.channels, 3, 5};
  const auto part = [&](std::uint32_t draw, double mean, double deviation) {
    const Array whole = normal(shape, draw, mean, deviation, c.order);
    const Array taken = Array::empty({last - first, c.channels, 3, 5}, Dtype::float32, cpu, c.order);
    if (last > first) kernels(cpu).elementwise.copy(whole.sliced(0, first, last), {taken, false});
    return taken;
  };
  const Tensor x(part(1, 3, 2), true);
  const Tensor gamma = c.affine ? Tensor(normal({c.channels}, 2, 1, 0.3), true) : Tensor();
  const Tensor beta = c.affine ? Tensor(normal({c.channels}, 3, 0, 0.3), true) : Tensor();
  const Tensor mean(normal({c.channels}, 4, 0, 1)), variance(normal({c.channels}, 5, 2, 0.1));
  const Tensor y = batch_norm(x, gamma, beta, mean, variance, {.momentum = 0.3, .activation = c.activation}, true);
  y.backward(part(6, 0.2, 1));
  return {.y = numbers(y.value()),
          .dx = numbers(x.gradient()),
          .dgamma = c.affine ? numbers(gamma.gradient()) : std::vector<double>{},
          .dbeta = c.affine ? numbers(beta.gradient()) : std::vector<double>{},
          .mean = numbers(mean.value()),
          .variance = numbers(variance.value())};
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << what << " " << i;
}

Result run_on_ranks(const Case& c) {
  Result together;
  std::vector<Result> each(c.counts.size());
  testing::on_ranks(static_cast<int>(c.counts.size()), [&](parallel::Communicator& world) {
    const auto rank = static_cast<std::ptrdiff_t>(world.rank());
    const std::int64_t first = std::accumulate(c.counts.begin(), c.counts.begin() + rank, std::int64_t{0});
    const parallel::SharedStatistics statistics(world);
    each[static_cast<std::size_t>(rank)] = run(c, first, first + c.counts[static_cast<std::size_t>(rank)]);
  });
  for (const Result& one : each) {
    together.y.insert(together.y.end(), one.y.begin(), one.y.end());
    together.dx.insert(together.dx.end(), one.dx.begin(), one.dx.end());
    together.dgamma.resize(one.dgamma.size());
    together.dbeta.resize(one.dbeta.size());
    for (std::size_t i = 0; i < one.dgamma.size(); ++i) together.dgamma[i] += one.dgamma[i];
    for (std::size_t i = 0; i < one.dbeta.size(); ++i) together.dbeta[i] += one.dbeta[i];
    EXPECT_EQ(one.mean, each[0].mean) << "running statistics are the same bits on every rank";
    EXPECT_EQ(one.variance, each[0].variance);
  }
  together.mean = each[0].mean;
  together.variance = each[0].variance;
  return together;
}

void compare(const Case& c, double tolerance) {
  const std::int64_t all = std::accumulate(c.counts.begin(), c.counts.end(), std::int64_t{0});
  const Result expected = run(c, 0, all), found = run_on_ranks(c);
  const std::string what = std::to_string(c.channels) + " channels, " + std::to_string(c.counts.size()) + " ranks, ";
  expect_near(found.y, expected.y, tolerance, what + "y");
  expect_near(found.dx, expected.dx, tolerance, what + "dx");
  expect_near(found.dgamma, expected.dgamma, tolerance, what + "dgamma");
  expect_near(found.dbeta, expected.dbeta, tolerance, what + "dbeta");
  expect_near(found.mean, expected.mean, tolerance, what + "running mean");
  expect_near(found.variance, expected.variance, tolerance, what + "running variance");
}

TEST(SyncBatchNorm, IsTheBatchNormOfAllPictures) {
  for (const std::int64_t channels : {1, 3, 63, 65, 257})
    for (const Order order : {Order::row_major, Order::channels_last})
      for (const std::vector<std::int64_t>& counts :
           {std::vector<std::int64_t>{2, 2}, {3, 1}, {0, 3}, {1, 0, 4}, {2, 1, 3, 0}})
        compare({.channels = channels, .order = order, .counts = counts}, 2e-5);
}

TEST(SyncBatchNorm, WithActivationsAndWithoutAffine) {
  const std::vector<std::int64_t> counts{2, 0, 3};
  for (const Unary& activation : {Unary{Relu{}}, Unary{Silu{}}, Unary{Gelu{}}})
    compare({.channels = 5, .order = Order::channels_last, .counts = counts, .activation = activation}, 2e-5);
  compare({.channels = 5, .order = Order::row_major, .counts = counts, .affine = false}, 2e-5);
}

TEST(SyncBatchNorm, OneValuePerChannelOnAllRanksIsAnError) {
  EXPECT_THROW(testing::on_ranks(2,
                                 [](parallel::Communicator& world) {
                                   const parallel::SharedStatistics statistics(world);
                                   const Tensor x = Tensor::zeros({world.rank(), 3});
                                   batch_norm(x, {}, {}, {}, {}, {}, true);
                                 }),
               ShapeError);
}

TEST(SyncBatchNorm, OtherThreadsAndLaterStepsAreNotTouched) {
  EXPECT_EQ(SyncBatchNorm::active(), nullptr);
  testing::on_ranks(1, [](parallel::Communicator& world) {
    {
      const parallel::SharedStatistics statistics(world);
      EXPECT_NE(SyncBatchNorm::active(), nullptr);
    }
    EXPECT_EQ(SyncBatchNorm::active(), nullptr);
  });
}

}  // namespace
}  // namespace joist
