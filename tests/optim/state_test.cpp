// Every optimizer by name: k steps, saved, read into a new one: the rest is the same bit by bit.
#include <joist/core/error.h>
#include <joist/optim/registry.h>
#include <joist/tests/optim/support.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::Backend;
using testing::give_gradient;
using testing::numbers;
using testing::parameter;

// Options that make an optimizer remember as much as it can.
const std::map<std::string, std::vector<OptimizerOption>> most{
    {"sgd", {{"momentum", "0.9"}, {"nesterov", "true"}, {"norm.lr", "0.005"}}},
    {"adam", {{"amsgrad", "true"}}},
    {"adamw", {{"amsgrad", "true"}, {"bias.weight_decay", "0.5"}}},
    {"rmsprop", {{"centered", "true"}, {"momentum", "0.9"}}},
    {"asgd", {{"t0", "2"}, {"lambd", "0.1"}}},
    {"nadam", {{"decoupled_weight_decay", "true"}, {"weight_decay", "0.1"}}},
    {"lbfgs", {{"max_iter", "3"}, {"history_size", "4"}, {"line_search_fn", "strong_wolfe"}}},
};

struct Problem {
  explicit Problem(const Backend& backend)
      : fields{parameter("a.weight", {0.5, -1, 2, 1, 0.25, -0.5}, {2, 3}, backend),
               parameter("norm.weight", {1, 2, 3}, {3}, backend), parameter("a.bias", {0.1, -0.2}, {2}, backend)} {}

  // Σ (x - sin(step + i))⁴ + (x - …)²: as different from step to step as batches are.
  double operator()(int step) {
    double loss = 0;
    for (const Field& field : fields) {
      const std::vector<double> at = numbers(field.tensor.value());
      std::vector<double> slope(at.size());
      for (std::size_t i = 0; i < at.size(); ++i) {
        const double away = at[i] - std::sin(0.1 * step + static_cast<double>(i));
        loss += std::pow(away, 4) + away * away;
        slope[i] = 4 * std::pow(away, 3) + 2 * away;
      }
      give_gradient(field.tensor, slope);
    }
    return loss;
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (const Field& field : fields)
      for (const double value : numbers(field.tensor.value())) all.push_back(value);
    return all;
  }
  void assign(const std::vector<double>& all) {
    std::size_t next = 0;
    for (const Field& field : fields) {
      const Array value = field.tensor.value();
      for (std::int64_t i = 0; i < value.elements(); ++i, ++next)
        if (value.dtype() == Dtype::float64)
          value.data<double>()[i] = all[next];
        else
          value.data<float>()[i] = static_cast<float>(all[next]);
    }
  }
  std::vector<Field> fields;
};

OptimizerState copy_of_state(const Optimizer& optimizer) {
  OptimizerState saved = optimizer.state();
  for (NamedState& state : saved.arrays) state.array = copy_of(state.array);
  return saved;
}

class EveryOptimizer : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryOptimizer, GoesOnFromASavedStateBitByBit) {
  for (const Backend& backend : {testing::single, testing::doubled}) {
    const auto options = most.contains(GetParam()) ? most.at(GetParam()) : std::vector<OptimizerOption>{};
    Problem problem(backend);
    FlatParameters parameters(problem.fields);
    const auto optimizer = make_optimizer(GetParam(), parameters, options);
    optimizer->train();
    optimizer->groups()[0].lr *= 0.5;  // as a schedule does
    std::vector<double> saved_values;
    OptimizerState saved;
    for (int step = 0; step < 14; ++step) {
      if (step == 8) {
        saved = copy_of_state(*optimizer);
        saved_values = problem.values();
      }
      optimizer->step([&] { return problem(step); });
    }
    EXPECT_NE(problem.values(), saved_values) << "nothing moves";
    for (const double value : problem.values()) EXPECT_TRUE(std::isfinite(value));

    Problem again(backend);
    FlatParameters parameters_again(again.fields);
    const auto resumed = restore_optimizer(saved, parameters_again);
    again.assign(saved_values);
    EXPECT_EQ(resumed->steps(), 8);
    EXPECT_EQ(resumed->groups(), saved.groups);
    EXPECT_EQ(resumed->options(), optimizer->options());
    for (int step = 8; step < 14; ++step) resumed->step([&] { return again(step); });
    EXPECT_EQ(again.values(), problem.values());
  }
}

TEST_P(EveryOptimizer, RefusesAnIncompleteStateAndChangesNothing) {
  Problem problem(testing::doubled);
  FlatParameters parameters(problem.fields);
  const auto options = most.contains(GetParam()) ? most.at(GetParam()) : std::vector<OptimizerOption>{};
  const auto optimizer = make_optimizer(GetParam(), parameters, options);
  optimizer->train();
  for (int step = 0; step < 3; ++step) optimizer->step([&] { return problem(step); });
  OptimizerState state = copy_of_state(*optimizer);
  if (state.arrays.empty()) return;
  const OptimizerState before = copy_of_state(*optimizer);
  state.arrays.pop_back();
  state.steps = 77;
  EXPECT_THROW(optimizer->load(state), DataError);
  EXPECT_EQ(optimizer->steps(), 3);
  for (std::size_t i = 0; i < before.arrays.size(); ++i)
    EXPECT_EQ(numbers(optimizer->state().arrays[i].array), numbers(before.arrays[i].array)) << before.arrays[i].name;
}

TEST_P(EveryOptimizer, TellsWhetherItNeedsAClosure) {
  Problem problem(testing::single);
  FlatParameters parameters(problem.fields);
  EXPECT_EQ(make_optimizer(GetParam(), parameters)->needs_closure(), optimizer_needs_closure(GetParam()));
}

TEST_P(EveryOptimizer, KeepsGradientsWhereTold) {
  for (const bool kept : {false, true}) {
    Problem problem(testing::doubled);
    FlatParameters parameters(problem.fields);
    const auto optimizer = make_optimizer(GetParam(), parameters, {{"clear_gradients", kept ? "false" : "true"}});
    optimizer->train();
    optimizer->step([&] { return problem(0); });
    EXPECT_EQ(problem.fields[0].tensor.gradient().defined(), kept);
  }
}

std::vector<std::string> all_names() {
  std::vector<std::string> names = optimizer_names();
  for (const std::string& wrapper : wrapper_names())
    for (const char* inner : {"adamw", "sgd"}) names.push_back(wrapper + ":" + inner);
  names.push_back("lookahead:sam:adafactor");
  names.push_back("cautious:lion");
  return names;
}

INSTANTIATE_TEST_SUITE_P(ByName, EveryOptimizer, ::testing::ValuesIn(all_names()), [](const auto& name) {
  std::string text = name.param;
  std::replace(text.begin(), text.end(), ':', '_');
  return text;
});

TEST(Registry, OffersTheNearestName) {
  Problem problem(testing::single);
  FlatParameters parameters(problem.fields);
  const auto message = [&](const std::string& name, const std::vector<OptimizerOption>& options) -> std::string {
    try {
      make_optimizer(name, parameters, options);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("adamww", {}).find("did you mean \"adamw\"?"), std::string::npos) << message("adamww", {});
  const std::string option = message("sgd", {{"momentun", "0.9"}});
  EXPECT_NE(option.find("did you mean \"momentum\"?"), std::string::npos) << option;
  const std::string range = message("adam", {{"beta1", "1"}});
  EXPECT_NE(range.find("0 ≤ beta1 < 1"), std::string::npos) << range;
  EXPECT_NE(message("adam", {{"lr", "nan"}}), "");
  EXPECT_NE(message("adam", {{"lr", "inf"}}), "");
  EXPECT_NE(message("adam", {{"lr", "fast"}}), "");
  EXPECT_NE(message("adam", {{"amsgrad", "yes"}}).find("true or false"), std::string::npos);
  EXPECT_NE(message("lbfgs", {{"line_search_fn", "wolfe"}}).find("none, strong_wolfe"), std::string::npos);
  EXPECT_NE(message("lbfgs", {{"max_iter", "0"}}).find("1 ≤ max_iter"), std::string::npos);
  EXPECT_NE(message("sgd", {{"biases.lr", "1"}}).find("weight, norm, bias"), std::string::npos);
  EXPECT_NE(message("lbfgs", {{"bias.lr", "1"}}), "");
}

TEST(Registry, GroupsHaveTheirOwnOptions) {
  Problem problem(testing::single);
  FlatParameters parameters(problem.fields);
  const auto optimizer =
      make_optimizer("adamw", parameters, {{"lr", "0.5"}, {"weight_decay", "0.25"}, {"bias.lr", "0.125"}});
  EXPECT_EQ(optimizer->groups()[0].lr, 0.5);
  EXPECT_EQ(optimizer->groups()[0].weight_decay, 0.25);
  EXPECT_EQ(optimizer->groups()[1].weight_decay, 0);
  EXPECT_EQ(optimizer->groups()[2].lr, 0.125);
  EXPECT_EQ(optimizer->groups()[2].weight_decay, 0);
}

}  // namespace
}  // namespace joist
