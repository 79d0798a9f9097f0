// L-BFGS, Newton, conjugate gradients and their line search where the answer is known, and where the function ends.
#include <joist/core/error.h>
#include <joist/optim/lbfgs.h>
#include <joist/optim/newton.h>
#include <joist/optim/registry.h>
#include <joist/optim/sophia.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

struct Point {
  explicit Point(std::vector<double> start)
      : fields{parameter("x", start, {static_cast<std::int64_t>(start.size())}, testing::doubled)},
        parameters(fields, together) {}
  std::vector<double> at() const { return numbers(fields[0].tensor.value()); }
  std::vector<Field> fields;
  FlatParameters parameters;
};

// Rosenbrock's minimum is at (1, 1).
TEST(SecondOrder, FindsTheMinimumOfRosenbrock) {
  for (const auto& [name, options, steps] : std::vector<std::tuple<std::string, std::vector<OptimizerOption>, int>>{
           {"lbfgs", {{"line_search_fn", "strong_wolfe"}, {"tolerance_change", "0"}}, 4},
           {"newton", {}, 25},
           {"conjugate_gradient", {}, 90}}) {
    Point point({-1.5, 2});
    const auto optimizer = make_optimizer(name, point.parameters, options);
    EXPECT_TRUE(optimizer->needs_closure());
    EXPECT_THROW(optimizer->step(), UsageError);
    for (int i = 0; i < steps; ++i) optimizer->step([&] { return testing::rosenbrock(point.fields[0].tensor); });
    EXPECT_NEAR(point.at()[0], 1, 1e-6) << name;
    EXPECT_NEAR(point.at()[1], 1, 1e-6) << name;
  }
}

// f = Σ λ_i x_i² / 2: Newton needs one step, conjugate gradients as many as there are different λ.
TEST(SecondOrder, QuadraticsTakeAsManyStepsAsTheoryAllows) {
  const std::vector<double> curvature{1, 10, 100, 1000};
  const auto quadratic = [&](const Point& point) {
    const std::vector<double> x = point.at();
    std::vector<double> slope(4);
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      slope[i] = curvature[i] * x[i];
      sum += slope[i] * x[i] / 2;
    }
    give_gradient(point.fields[0].tensor, slope);
    return sum;
  };
  Point newton_point({1, -2, 3, 0.5});
  Newton newton(newton_point.parameters);
  newton.step([&] { return quadratic(newton_point); });
  for (const double x : newton_point.at()) EXPECT_NEAR(x, 0, 1e-6);
  Point point({1, -2, 3, 0.5});
  ConjugateGradient conjugate(point.parameters);
  for (int i = 0; i < 12; ++i) conjugate.step([&] { return quadratic(point); });  // the searches are not exact
  EXPECT_LT(quadratic(point), 1e-6);
}

// x² - y²: Newton's point is a saddle; by the magnitude of the curvature y moves away from it.
TEST(Newton, LeavesASaddleDownhill) {
  Point point({1, 0.01});
  Newton optimizer(point.parameters);
  for (int i = 0; i < 3; ++i)
    optimizer.step([&] {
      const std::vector<double> x = point.at();
      give_gradient(point.fields[0].tensor, {2 * x[0], -2 * x[1] + 4 * std::pow(x[1], 3)});
      return x[0] * x[0] - x[1] * x[1] + std::pow(x[1], 4);
    });
  EXPECT_NEAR(point.at()[0], 0, 1e-3);
  EXPECT_GT(point.at()[1], 0.1);
}

TEST(Newton, RefusesLargeModels) {
  Point point(std::vector<double>(50, 1));
  EXPECT_THROW(Newton(point.parameters, {.max_parameters = 49}), UsageError);
}

TEST(HessianProduct, IsExactForQuadraticsAndRestoresEveryBit) {
  Point point({0.1, 0.2});
  const Array u = point.parameters.zeros();
  u.data<double>()[0] = 1;
  u.data<double>()[1] = -2;
  const Array product = hessian_product(point.parameters, u, [&] {
    const std::vector<double> x = point.at();
    point.parameters.clear_gradients();
    give_gradient(point.fields[0].tensor, {3 * x[0] + x[1], x[0] + 5 * x[1]});
  });
  EXPECT_NEAR(numbers(product)[0], 1, 1e-9);
  EXPECT_NEAR(numbers(product)[1], -9, 1e-9);
  EXPECT_EQ(point.at(), (std::vector<double>{0.1, 0.2}));
}

// -log(1 - x) - log(x - 0) + 5 x: infinite or NaN outside (0, 1), where steps of length 1 lead.
double barrier(const Point& point, std::vector<double>* seen = nullptr) {
  const double x = point.at()[0];
  give_gradient(point.fields[0].tensor, {1 / (1 - x) - 1 / x + 5});
  if (seen) seen->push_back(x);
  return -std::log(1 - x) - std::log(x) + 5 * x;
}
// The root of 1 / (1 - x) - 1 / x + 5 = 0 in (0, 1).
const double barrier_minimum = (7 - std::sqrt(29.0)) / 10;

TEST(Lbfgs, NeverKeepsATrialThatIsNotFinite) {
  for (const std::string search : {"strong_wolfe", "none"})
    for (const double rate : {1.0, 1000.0}) {
      Point point({0.9});
      std::vector<double> seen;
      Lbfgs optimizer(point.parameters, {.lr = rate, .line_search_fn = search});
      for (int i = 0; i < 10; ++i) {
        optimizer.step([&] { return barrier(point, &seen); });
        if (search == "strong_wolfe") {
          EXPECT_GT(point.at()[0], 0);
          EXPECT_LT(point.at()[0], 1);
        }
      }
      EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), [](double x) { return x <= 0 || x >= 1; }))
          << "the test means to leave the domain";
      if (search == "strong_wolfe") {
        EXPECT_NEAR(point.at()[0], barrier_minimum, 1e-5) << rate;
      }
      static_cast<void>(optimizer.step([&] { return barrier(point); }));
      EXPECT_GT(point.at()[0], -1e-9);
    }
}

TEST(Lbfgs, ANaNAtTheStartChangesNothing) {
  Point point({2});
  Lbfgs optimizer(point.parameters, {.line_search_fn = "strong_wolfe"});
  EXPECT_FALSE(std::isfinite(optimizer.step([&] { return barrier(point); })));
  EXPECT_EQ(point.at()[0], 2);
}

TEST(LineSearch, TurnsBackFromInfinity) {
  // x - log(1 - x) … falls towards -2 and is infinite from 1e-3 on in the other direction.
  const auto function = [](double t) {
    LinePoint point{.at = t};
    if (t > 0.001) {
      point.value = std::numeric_limits<double>::quiet_NaN();
      point.slope = std::numeric_limits<double>::quiet_NaN();
    } else {
      point.value = (t - 0.0005) * (t - 0.0005);
      point.slope = 2 * (t - 0.0005);
    }
    return point;
  };
  const LineResult found = strong_wolfe(function, function(0), 1, {});
  EXPECT_TRUE(found.point.finite());
  EXPECT_NEAR(found.point.at, 0.0005, 0.0005);
  EXPECT_LT(found.point.value, function(0).value);
}

TEST(Maximize, ClimbsWithEveryOptimizer) {
  for (const std::string& name : optimizer_names()) {
    const auto known = optimizer_options(name);
    if (std::none_of(known.begin(), known.end(), [](const auto& option) { return option.name == "maximize"; }))
      ADD_FAILURE() << name << " has no option maximize";
    std::vector<std::vector<double>> ends;
    for (const bool up : {false, true}) {
      const std::vector<Field> fields{parameter("a.weight", {0.5, -0.25, 1, 2}, {2, 2}, testing::doubled)};
      FlatParameters parameters(fields, together);
      const auto optimizer = make_optimizer(name, parameters, {{"maximize", up ? "true" : "false"}});
      optimizer->train();
      const double sign = up ? -1 : 1;
      for (int i = 0; i < 5; ++i)
        optimizer->step([&] {
          const std::vector<double> x = numbers(fields[0].tensor.value());
          double sum = 0;
          std::vector<double> slope;
          for (const double one : x) {
            sum += std::pow(one - 0.1, 2) + 0.1 * std::pow(one, 4);
            slope.push_back(sign * (2 * (one - 0.1) + 0.4 * std::pow(one, 3)));
          }
          give_gradient(fields[0].tensor, slope);
          return sign * sum;
        });
      ends.push_back(numbers(fields[0].tensor.value()));
    }
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(ends[0][i], ends[1][i], 1e-12) << name;
  }
}

}  // namespace
}  // namespace joist
