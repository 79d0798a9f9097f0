// The laboratory's mathematics: surfaces with known minima, a quadratic whose curvature and noise are known,
// statistics.
#include <joist/core/error.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/optim/lab/quadratic.h>
#include <joist/optim/lab/spectrum.h>
#include <joist/optim/lab/statistics.h>
#include <joist/optim/lab/surface.h>
#include <joist/optim/sgd.h>
#include <joist/optim/sophia.h>
#include <joist/tests/optim/support.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist::lab {
namespace {

using testing::doubled;
using testing::numbers;
using testing::parameter;
constexpr double infinite = std::numeric_limits<double>::infinity();

TEST(Surfaces, AreLowestAndFlatAtTheirMinima) {
  EXPECT_GE(surfaces().size(), 12U);
  for (const Surface& surface : surfaces()) {
    SCOPED_TRACE(surface.name);
    EXPECT_EQ(surface.minima.empty(), !std::isfinite(surface.lowest));
    for (const auto& [x, y] : surface.minima) {
      const Tensor point(Array::from(std::vector<double>{x, y}, {2}), true);
      const Tensor value = sum(surface(point));
      EXPECT_NEAR(value.item(), surface.lowest, 1e-9);
      value.backward();
      if (surface.name == "ackley") continue;  // has a corner there
      for (const double slope : numbers(point.gradient())) EXPECT_NEAR(slope, 0, 1e-6);
      for (const auto& [dx, dy] : {std::pair(0.01, 0.0), {-0.01, 0.0}, {0.0, 0.01}, {0.0, -0.01}})
        EXPECT_GT(sum(surface(Tensor(Array::from(std::vector<double>{x + dx, y + dy}, {2})))).item(), surface.lowest);
    }
    for (int axis = 0; axis < 2; ++axis) {
      const auto i = static_cast<std::size_t>(axis);
      EXPECT_GE(surface.start[i], surface.domain[2 * i]);
      EXPECT_LE(surface.start[i], surface.domain[2 * i + 1]);
    }
  }
}

// Sums of sample losses of the quadratic at θ, for the flat parameters of a test.
struct Quadratic {
  explicit Quadratic(double start)
      : fields{parameter("theta", std::vector<double>(QuadraticDeep::dimensions, start), {100}, doubled)},
        flat(fields, together) {}
  Tensor loss(const Array& samples) const {
    const Tensor d = reshape(fields[0].tensor, {1, 100}) - Tensor(samples);
    return 0.5 * mean(sum(d * matmul(d, Tensor(data.hessian)), 1));
  }
  const QuadraticDeep& data = quadratic_deep();
  std::vector<Field> fields;
  FlatParameters flat;
};

TEST(QuadraticDeep, HasThePublishedNumbers) {
  const Quadratic problem(1);
  const double* q = problem.data.hessian.data<double>();
  EXPECT_NEAR(q[0], 6.221429443252536, 1e-12);
  EXPECT_NEAR(q[1], 1.1270198982225974, 1e-12);
  EXPECT_FLOAT_EQ(static_cast<float>(problem.data.train.data<double>()[0]), 0.2980285F);
  EXPECT_FLOAT_EQ(static_cast<float>(problem.data.train.data<double>()[1]), -0.08295858F);
  EXPECT_FLOAT_EQ(static_cast<float>(problem.data.test.data<double>()[2]), -0.22710186F);
  EXPECT_NEAR(problem.loss(problem.data.test).item(), 353.446765, 1e-6);
  EXPECT_NEAR(problem.loss(problem.data.train).item(), 353.706445, 1e-6);
}

TEST(QuadraticDeep, CalibratesTheInstruments) {
  Quadratic problem(1);
  const auto evaluate = [&] { problem.loss(problem.data.train.sliced(0, 0, 2)).backward(); };
  const Spectrum spectrum = lanczos(problem.flat, evaluate, {.iterations = 60});
  EXPECT_NEAR(spectrum.top(), 53.1290154, 1e-5);
  for (const auto& [back, value] : {std::pair(2, 52.82355146), {3, 51.39734362}, {4, 46.83831593}})
    EXPECT_NEAR(spectrum.eigenvalues[spectrum.eigenvalues.size() - static_cast<std::size_t>(back)], value, 1e-3);
  double weights = 0;
  for (const double one : spectrum.weights) weights += one;
  EXPECT_NEAR(weights, 1, 1e-9);
  for (const double value : numbers(problem.flat.values().sliced(0, 0, 100))) EXPECT_EQ(value, 1);
  // Hutchinson's estimate has a deviation of √(2 · 19585 / 200) = 14 here.
  EXPECT_NEAR(hessian_trace(problem.flat, evaluate, 200, 3), 477.6123, 42);
  double trace = 0;
  for (std::int64_t i = 0; i < 100; ++i) trace += problem.data.hessian.selected(0, i).selected(0, i).item();
  EXPECT_NEAR(trace, 477.612279595, 1e-8);
}

TEST(QuadraticDeep, HasThePublishedNoise) {
  for (const auto& [start, scale] : {std::pair(1.0, 0.30159), {0.1, 27.907}}) {
    Quadratic problem(start);
    const GradientNoise noise = gradient_noise(
        problem.flat, [&](std::int64_t i) { problem.loss(problem.data.train.sliced(0, i, i + 1)).backward(); }, 1000,
        1);
    // The notes divide by n; the estimator takes n - 1 and takes the noise out of the mean.
    EXPECT_NEAR(noise.variance * 0.999, 6940.89, 0.01);
    EXPECT_NEAR(noise.variance * 0.999 / (noise.mean_squared + noise.variance / 1000), scale, scale * 2e-5);
    EXPECT_NEAR(noise.noise_scale, noise.variance / noise.mean_squared, 1e-9 * noise.noise_scale);
  }
}

TEST(QuadraticDeep, DivergesAboveTheStabilityLimit) {
  for (const auto& [momentum, limit] : {std::pair(0.0, 0.037644), {0.9, 0.071524}, {0.99, 0.074912}})
    for (const double factor : {0.995, 1.005}) {
      Quadratic problem(1);
      Sgd optimizer(problem.flat, {.lr = limit * factor, .momentum = momentum});
      const Array few = problem.data.train.sliced(0, 0, 1);
      double first = 0, last = 0;
      for (int step = 0; step < 1000; ++step) {
        const Tensor loss = problem.loss(few);
        if (step == 0) first = loss.item();
        last = loss.item();
        loss.backward();
        optimizer.step();
      }
      EXPECT_EQ(last < first, factor < 1) << momentum << ", " << factor << ": " << last;
    }
}

TEST(Statistics, BcaIntervalsAgreeWithTheReference) {
  // numpy, two million resamples of the formulas of Efron (1987).
  const std::vector<double> skewed{0.12, 0.5, 0.31, 1.9, 0.05, 0.77, 0.2, 0.44};
  const Interval interval = bca_interval(skewed);
  EXPECT_NEAR(interval.low, 0.27375, 0.01);
  EXPECT_NEAR(interval.high, 1.1625, 0.04);
  const Interval again = bca_interval(skewed);
  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
  EXPECT_THROW(bca_interval(std::vector<double>{1}), UsageError);
  EXPECT_THROW(bca_interval(std::vector<double>{1, infinite}), UsageError);
  for (const auto& [p, z] : {std::pair(0.975, 1.959963984540054), {0.5, 0.0}, {0.001, -3.090232306167814}})
    EXPECT_NEAR(normal_quantile(p), z, 1e-12);
}

TEST(Statistics, SaysWhatItCannotTell) {
  const std::vector<double> a{1.0, 1.2, 0.9, 1.1, 1.05, 0.95}, lower{0.5, 0.7, 0.45, 0.6, 0.5, 0.4},
      near{1.1, 1.1, 0.95, 1.0, 1.0, 1.03};
  EXPECT_EQ(compare_pairs(lower, a).verdict, Comparison::Verdict::lower);
  EXPECT_EQ(compare_pairs(a, lower).verdict, Comparison::Verdict::higher);
  const Comparison none_found = compare_pairs(a, near);
  EXPECT_EQ(none_found.verdict, Comparison::Verdict::none);
  EXPECT_NE(words(none_found, "A", "B").find("no detectable difference between A and B"), std::string::npos);
  EXPECT_GT(none_found.seeds_needed, 6);
  EXPECT_EQ(compare_pairs(std::span(a).first(4), std::span(lower).first(4)).verdict, Comparison::Verdict::too_few);
  // A run that diverged is worse than any other and cannot be averaged away.
  std::vector<double> broken = lower;
  broken[2] = infinite;
  const Comparison mixed = compare_pairs(broken, a);
  EXPECT_FALSE(mixed.interval);
  EXPECT_EQ(mixed.diverged_a, 1);
  EXPECT_EQ(mixed.wins, 5);
  EXPECT_EQ(mixed.verdict, Comparison::Verdict::none);  // 5 of 6: p = 0.22
  EXPECT_NEAR(mixed.sign_test, 0.21875, 1e-12);
}

TEST(Statistics, StudentsTails) {
  // Quantiles of the tables: 5 % lie outside.
  for (const auto& [freedom, t] : {std::pair<std::int64_t, double>{1, 12.7062047364},
                                   {2, 4.30265272975},
                                   {4, 2.77644510520},
                                   {5, 2.57058183661},
                                   {9, 2.26215716274},
                                   {30, 2.04227245630}})
    EXPECT_NEAR(student_tails(-t, freedom), 0.05, 1e-10) << freedom;
  EXPECT_EQ(student_tails(infinite, 4), 0);
  EXPECT_EQ(student_tails(0, 4), 1);
  const Interval interval = t_interval(std::vector<double>{1, 2, 3, 4, 5});
  EXPECT_NEAR(interval.low, 3 - 2.77644510520 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(interval.high, 3 + 2.77644510520 * std::sqrt(0.5), 1e-9);
  EXPECT_THROW(t_interval(std::vector<double>{1}), UsageError);
}

// Optimizers that are the same: how often the laboratory would say that one is better.
TEST(Statistics, EqualRunsAreRarelyCalledDifferent) {
  Random random({.seed = 3, .stream = Stream::test});
  int pairs_apart = 0, best_apart = 0, interval_apart = 0;
  constexpr int trials = 600;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<std::vector<double>> finals(6);
    for (std::vector<double>& one : finals)
      for (int seed = 0; seed < 5; ++seed) one.push_back(double{random.normal()});
    std::size_t best = 0;
    for (std::size_t i = 1; i < finals.size(); ++i)
      if (median(finals[i]) < median(finals[best])) best = i;
    const BootstrapOptions quick{.resamples = 400};
    const Comparison two = compare_pairs(finals[0], finals[1], quick);
    pairs_apart += two.verdict != Comparison::Verdict::none;
    interval_apart += two.interval->low > 0 || two.interval->high < 0;
    std::vector<Comparison> compared;
    for (std::size_t i = 0; i < finals.size(); ++i)
      if (i != best) compared.push_back(compare_pairs(finals[best], finals[i], quick));
    std::vector<Comparison*> list;
    for (Comparison& one : compared) list.push_back(&one);
    correct(list, 15);
    best_apart += std::any_of(compared.begin(), compared.end(),
                              [](const Comparison& c) { return c.verdict != Comparison::Verdict::none; });
  }
  EXPECT_LT(pairs_apart, 0.08 * trials);
  EXPECT_LT(best_apart, 0.08 * trials);
  EXPECT_GT(interval_apart, 0.1 * trials) << "if this fails the t-test is not needed";
}

TEST(Statistics, ARunThatAlwaysDivergesIsWorse) {
  const std::vector<double> fine{1, 2, 1, 2, 1}, gone(5, infinite);
  const Comparison all = compare_pairs(fine, gone);
  EXPECT_EQ(all.verdict, Comparison::Verdict::lower);
  EXPECT_NEAR(all.p(), 2.0 / 252, 1e-12);
  EXPECT_EQ(compare_pairs(gone, gone).verdict, Comparison::Verdict::none);
  // The same difference for every seed is none of chance.
  const std::vector<double> less{0.5, 1.5, 0.5, 1.5, 0.5};
  EXPECT_EQ(compare_pairs(less, fine).verdict, Comparison::Verdict::lower);
  EXPECT_EQ(compare_pairs(fine, fine).verdict, Comparison::Verdict::none);
}

TEST(Statistics, CountsRunsThatNeverArrive) {
  const std::vector<double> at{0, 10, 20}, values{4, 2, 1};
  EXPECT_NEAR(*first_at_target(at, values, 3), 5, 1e-12);
  EXPECT_FALSE(first_at_target(at, values, 0.5));
  const std::vector<std::optional<double>> costs{5.0, std::nullopt, 7.0};
  const TimeToTarget time = time_to_target(costs, 20);
  EXPECT_EQ(time.reached, 2);
  EXPECT_EQ(*time.median, 7);
  EXPECT_NEAR(time.at_least, 32.0 / 3, 1e-12);
  EXPECT_FALSE(time_to_target(std::vector<std::optional<double>>{5.0, std::nullopt, std::nullopt}, 20).median);
}

TEST(Statistics, ProfilesFollowTheirDefinition) {
  // Problem 1: 10 and 20 steps; problem 2: never and 30; problem 3: nobody.
  const std::vector<Profile> p = performance_profiles({{10.0, std::nullopt, std::nullopt}, {20.0, 30.0, std::nullopt}});
  EXPECT_NEAR(p[0].share(1), 1.0 / 3, 1e-12);
  EXPECT_NEAR(p[1].share(1), 1.0 / 3, 1e-12);
  EXPECT_NEAR(p[1].share(2), 2.0 / 3, 1e-12);
  EXPECT_NEAR(p[0].score(), 1.0 / 3, 1e-12);
  EXPECT_NEAR(p[1].score(), (1 + 2.0 / 3) / 3, 1e-12);  // 1 from problem 2, (4 - 2) / 3 from problem 1
}

}  // namespace
}  // namespace joist::lab
