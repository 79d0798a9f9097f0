// Groups that begin late, as parameters do in PyTorch that had no gradient before; the pull towards pretrained values.
#include <joist/optim/adam.h>
#include <joist/optim/registry.h>
#include <joist/optim/regularize.h>
#include <joist/tests/optim/support.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::doubled;
using testing::give_gradient;
using testing::numbers;
using testing::parameter;

ParameterGroup by_name(const Field& field) { return {.name = field.name}; }

std::vector<double> gradient_at(int step) { return {std::sin(step), 0.3, -0.1 * step}; }

// torch.optim counts the steps of each parameter from its first gradient on: the same as an optimizer made then.
TEST(LateGroups, BeginAsANewOptimizerWould) {
  std::vector<std::string> names = optimizer_names();
  names.insert(names.end(), {"lookahead:adamw", "centralized:nadam", "cautious:adam"});
  int seen = 0;
  for (const std::string& name : names) {
    if (optimizer_needs_closure(name)) continue;
    const std::vector<double> start{1, -2, 0.5};
    std::vector<Field> both{parameter("early", start, {3}), parameter("late", start, {3})};
    std::vector<Field> alone{parameter("late", start, {3})};
    FlatParameters parameters(both, by_name), own(alone, by_name);
    const auto optimizer = make_optimizer(name, parameters), later = make_optimizer(name, own);
    if (!optimizer->joins_late()) continue;
    ++seen;
    optimizer->groups()[1].since = GroupSettings::never;
    constexpr int waits = 10;  // a multiple of Lookahead's k
    for (int step = 0; step < waits + 7; ++step) {
      if (step == waits) optimizer->groups()[1].since = optimizer->steps();
      give_gradient(both[0].tensor, gradient_at(step));
      if (step >= waits) give_gradient(both[1].tensor, gradient_at(step));
      optimizer->step();
      if (step < waits) {
        ASSERT_EQ(numbers(both[1].tensor.value()), start) << name;
        continue;
      }
      give_gradient(alone[0].tensor, gradient_at(step));
      later->step();
      ASSERT_EQ(numbers(both[1].tensor.value()), numbers(alone[0].tensor.value())) << name << " step " << step;
      ASSERT_NE(numbers(both[1].tensor.value()), start) << name;
    }
    // What is saved knows when they began.
    std::vector<Field> again{parameter("early", start, {3}), parameter("late", start, {3})};
    FlatParameters fresh(again, by_name);
    EXPECT_EQ(restore_optimizer(optimizer->state(), fresh)->groups(), optimizer->groups()) << name;
  }
  EXPECT_GE(seen, 15);
}

// Adam's first step is lr long, whenever it comes; with the steps of all it would be 3.16 times that.
TEST(LateGroups, AdamsFirstStepIsNotTooLong) {
  std::vector<Field> fields{parameter("early", {1}, {1}, doubled), parameter("late", {1}, {1}, doubled)};
  FlatParameters parameters(fields, by_name);
  Adam adam(parameters, {.lr = 0.01});
  adam.groups()[1].since = GroupSettings::never;
  for (int step = 0; step < 1000; ++step) adam.step();
  adam.groups()[1].since = adam.steps();
  give_gradient(fields[1].tensor, {0.7});
  adam.step();
  EXPECT_NEAR(fields[1].tensor.item(), 1 - 0.01, 1e-9);
}

// p - lr · alpha · (p - start), then AdamW's own decay and step.
TEST(PullToStart, IsDecoupledAsAdamWsDecay) {
  std::vector<Field> fields{parameter("body", {1, -2, 0.5}, {3}, doubled),
                            parameter("head", {1, -2, 0.5}, {3}, doubled)};
  FlatParameters parameters(
      fields, [](const Field& field) { return ParameterGroup{.name = field.name, .to_start = field.name == "body"}; });
  const double lr = 0.1, alpha = 0.5, decay = 0.2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  AdamW adamw(parameters, {.lr = lr, .weight_decay = decay});
  const Array start = copy_of(parameters.values());
  std::vector<double> wanted[2] = {{1, -2, 0.5}, {1, -2, 0.5}};
  const std::vector<double> began = wanted[0];
  std::vector<double> m(3), v(3);
  for (int step = 1; step <= 20; ++step) {
    const std::vector<double> g = gradient_at(step);
    for (const Field& field : fields) give_gradient(field.tensor, g);
    pull_to_start(adamw, start, alpha);
    adamw.step();
    for (std::size_t i = 0; i < 3; ++i) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      const double move =
          lr * (m[i] / (1 - std::pow(beta1, step))) / (std::sqrt(v[i] / (1 - std::pow(beta2, step))) + eps);
      wanted[0][i] -= lr * alpha * (wanted[0][i] - began[i]);
      for (std::vector<double>& p : wanted) p[i] = p[i] * (1 - lr * decay) - move;
    }
    for (std::size_t one = 0; one < 2; ++one)
      for (std::size_t i = 0; i < 3; ++i)
        ASSERT_NEAR(numbers(fields[one].tensor.value())[i], wanted[one][i], 1e-12) << step << " " << fields[one].name;
  }
  pull_to_start(adamw, start, 1e9);  // never further than the start
  EXPECT_EQ(numbers(fields[0].tensor.value()), began);
  EXPECT_THROW(pull_to_start(adamw, start, -1), UsageError);
  EXPECT_THROW(pull_to_start(adamw, Array::empty({3}, Dtype::float64), 1), ShapeError);
}

}  // namespace
}  // namespace joist
