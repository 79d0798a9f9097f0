// Rates against torch.optim.lr_scheduler (tests/fixtures/make_schedules.py), and the rate finder.
#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/rate_finder.h>
#include <joist/optim/registry.h>
#include <joist/optim/scheduler.h>
#include <joist/optim/sgd.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using testing::give_gradient;
using testing::numbers;
using testing::parameter;

nlohmann::json fixture() {
  std::ifstream file(JOIST_SOURCE_DIR "/tests/fixtures/schedules.json");
  return nlohmann::json::parse(file);
}

struct OneParameter {
  explicit OneParameter(double rate) : parameters(fields), optimizer(parameters, {.lr = rate, .momentum = 0.9}) {}
  std::vector<Field> fields{parameter("weight", {0}, {1, 1})};
  FlatParameters parameters;
  Sgd optimizer;
};

TEST(Scheduler, FollowsPyTorch) {
  const nlohmann::json values = fixture();
  const double base = values.at("base");
  const schedule::OneCycleOptions cycle{.max_lr = 0.5, .total_steps = 26};
  schedule::OneCycleOptions lines = cycle;
  lines.cosine = false;
  lines.three_phase = true;
  const schedule::CyclicOptions triangle{.base_lr = 0.01, .max_lr = 0.2, .step_size_up = 4};
  schedule::CyclicOptions slanted = triangle, halved = triangle, exponential = triangle;
  slanted.step_size_down = 3;
  halved.mode = "triangular2";
  exponential.mode = "exp_range";
  exponential.gamma = 0.95;
  exponential.cycle_momentum = false;
  const std::vector<std::pair<std::string, Schedule>> schedules{
      {"step", schedule::step_decay(4)},
      {"multi_step", schedule::multi_step_decay({3, 3, 9}, 0.5)},
      {"exponential", schedule::exponential_decay(0.9)},
      {"constant", schedule::constant_factor()},
      {"linear", schedule::linear_factor()},
      {"linear_down", schedule::linear_factor(1, 0.2, 10)},
      {"polynomial", schedule::polynomial_decay(12, 2)},
      {"cosine", schedule::cosine_annealing(10, 0.01)},
      {"warm_restarts", schedule::cosine_warm_restarts(4, 2, 0.01)},
      {"warm_restarts_equal", schedule::cosine_warm_restarts(5)},
      {"one_cycle", schedule::one_cycle(cycle)},
      {"one_cycle_linear", schedule::one_cycle(lines)},
      {"cyclic", schedule::cyclic(slanted)},
      {"cyclic_halved", schedule::cyclic(halved)},
      {"cyclic_exponential", schedule::cyclic(exponential)},
      {"sequential", schedule::sequential({schedule::linear_factor(0.1, 1, 5), schedule::cosine_annealing(10),
                                           schedule::exponential_decay(0.9)},
                                          {5, 15})},
      {"chained", schedule::chained({schedule::linear_factor(0.1, 1, 5), schedule::exponential_decay(0.9)})},
  };
  std::size_t compared = 0;
  for (const auto& [name, schedule] : schedules) {
    ++compared;
    OneParameter model(base);
    Scheduler scheduler(model.optimizer, schedule);
    const auto rates = values.at(name).at("lr").get<std::vector<double>>();
    const auto momenta = values.at(name).at("momentum").get<std::vector<double>>();
    for (std::size_t step = 0; step < rates.size(); ++step, scheduler.step()) {
      EXPECT_NEAR(model.optimizer.groups()[0].lr, rates[step], 1e-12 * std::abs(rates[step]) + 1e-17)
          << name << " step " << step;
      EXPECT_NEAR(model.optimizer.groups()[0].momentum, momenta[step], 1e-12) << name << " step " << step;
    }
    Scheduler again(model.optimizer, [&](double, std::int64_t step) { return schedule(base, step); });
    again.set_steps(17);
    EXPECT_NEAR(model.optimizer.groups()[0].lr, rates[17], 1e-12 * std::abs(rates[17]) + 1e-17) << name;
  }
  EXPECT_EQ(compared + 3, values.size()) << "base, plateau, plateau_max and one schedule each";
}

TEST(Plateau, FollowsPyTorch) {
  const nlohmann::json values = fixture();
  const std::vector<std::pair<std::string, PlateauOptions>> all{
      {"plateau", {.factor = 0.3, .patience = 2, .cooldown = 1, .min_lr = 0.001}},
      {"plateau_max", {.maximize = true, .patience = 1, .threshold = 0.01, .relative = false}}};
  for (const auto& [name, options] : all) {
    OneParameter model(values.at("base"));
    Plateau first(model.optimizer, options), second(model.optimizer, options);
    const auto results = values.at(name).at("results").get<std::vector<double>>();
    const auto rates = values.at(name).at("lr").get<std::vector<double>>();
    for (std::size_t i = 0; i < results.size(); ++i) {
      Plateau& now = i < results.size() / 2 ? first : second;  // the second half goes on from a saved state
      if (i == results.size() / 2) second.load(first.state());
      now.step(results[i]);
      EXPECT_NEAR(model.optimizer.groups()[0].lr, rates[i], 1e-15) << name << " result " << i;
    }
    EXPECT_LT(rates.back(), rates.front()) << name;
  }
}

TEST(Scheduler, WarmsUpHoldsAndDecays) {
  const Schedule schedule = schedule::warmup_stable_decay(4, 5, 20, 0.1);
  const auto rate = [&](std::int64_t step) { return schedule(2, step).lr; };
  EXPECT_DOUBLE_EQ(rate(0), 0.5);
  EXPECT_DOUBLE_EQ(rate(3), 2);
  EXPECT_DOUBLE_EQ(rate(15), 2);
  EXPECT_DOUBLE_EQ(rate(16), 2 * (0.1 + 0.9 * 0.8));
  EXPECT_DOUBLE_EQ(rate(20), 0.2);
  EXPECT_DOUBLE_EQ(rate(25), 0.2);
  EXPECT_DOUBLE_EQ(schedule::warm_up(4)(2, 0).lr, 0.5);
  EXPECT_DOUBLE_EQ(schedule::warm_up(4)(2, 9).lr, 2);
}

TEST(NamedSchedule, HasItsShape) {
  struct Row {
    const char* name;
    double at, share;  // with 0.01 at the end
  };
  for (const auto& [name, at, share] : std::vector<Row>{{"constant", 1, 1},
                                                        {"plateau", 1, 1},
                                                        {"linear", 0.5, 0.505},
                                                        {"polynomial", 0.5, 0.2575},
                                                        {"cosine", 0.5, 0.505},
                                                        {"cosine", 0.25, 0.01 + 0.99 * 0.853553390593},
                                                        {"cosine-restarts", 0, 1},
                                                        {"cosine_restarts", 1, .01},
                                                        {"cosine_restarts", 3.0 / 7, 1},
                                                        {"cosine_restarts", 5. / 7, 0.505},
                                                        {"one-cycle", 0, 0.04},
                                                        {"one_cycle", 0.3, 1},
                                                        {"one_cycle", 0.65, 0.505},
                                                        {"cyclic", 0, 0.01},
                                                        {"cyclic", 0.125, 1},
                                                        {"cyclic", 0.25, 0.01},
                                                        {"cyclic", 0.3125, 0.505},
                                                        {"wsd", 0.8, 1},
                                                        {"wsd", 0.9, 0.505},
                                                        {"step", 0.33, 1},
                                                        {"step", 0.34, 0.1},
                                                        {"step", 0.67, 0.01},
                                                        {"multi_step", 0.49, 1},
                                                        {"multi_step", 0.5, 0.1},
                                                        {"multi_step", 0.75, 0.01},
                                                        {"exponential", 0.5, 0.1}})
    EXPECT_NEAR(schedule::shape(name, at, 0.01), share, 1e-12) << name << " at " << at;
  for (const schedule::ShapeInfo& one : schedule::shapes()) {
    const bool stays = one.name == "constant" || one.name == "plateau";
    EXPECT_NEAR(schedule::shape(one.name, 1, 0.2), stays ? 1 : 0.2, 1e-12) << one.name;
    EXPECT_EQ(schedule::shape(one.name, 1.5, 0.2), schedule::shape(one.name, 1, 0.2)) << one.name;
    for (double at = 0; at <= 1; at += 0.01) {
      EXPECT_LE(schedule::shape(one.name, at, 0), 1) << one.name << " at " << at;
      EXPECT_GE(schedule::shape(one.name, at, 0), 0) << one.name << " at " << at;
    }
  }
  try {
    schedule::shape_named("cosin", "--schedule");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"cosine\"?"), std::string::npos) << error.what();
  }
}

TEST(Scheduler, RefusesFiguresThatMakeNoSense) {
  EXPECT_THROW(schedule::step_decay(0), UsageError);
  EXPECT_THROW(schedule::one_cycle({}), UsageError);
  EXPECT_THROW(schedule::cyclic({.base_lr = 0.1, .max_lr = 1, .mode = "square"}), UsageError);
  EXPECT_THROW(schedule::sequential({schedule::warm_up(3)}, {4}), UsageError);
  EXPECT_THROW(schedule::warmup_stable_decay(6, 6, 10), UsageError);
  OneParameter model(1);
  EXPECT_THROW(Plateau(model.optimizer, {.factor = 1}), UsageError);
}

// Every optimizer by name: the model, its statistics, the optimizer and the random numbers are what they were.
class RateFinder : public ::testing::TestWithParam<std::string> {};

TEST_P(RateFinder, LeavesEverythingAsItWas) {
  const std::vector<Field> fields{parameter("a.weight", {0.5, -1, 2, 1}, {2, 2}), testing::buffer("mean", {3}, {1})};
  FlatParameters parameters(fields);
  const auto optimizer = make_optimizer(GetParam(), parameters);
  optimizer->train();
  const auto loss = [&](std::int64_t step) {
    const std::vector<double> at = numbers(fields[0].tensor.value());
    std::vector<double> slope(4);
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const double away = at[i] - std::sin(static_cast<double>(i) + 0.1 * static_cast<double>(step % 3));
      sum += away * away;
      slope[i] = 2 * away;
    }
    give_gradient(fields[0].tensor, slope);
    fields[1].tensor.value().data<float>()[0] += 1;
    static_cast<void>(rand({3}));
    return sum;
  };
  for (int step = 0; step < 3; ++step) optimizer->step([&] { return loss(step); });
  manual_seed(7);
  OptimizerState before = optimizer->state();
  for (NamedState& state : before.arrays) state.array = copy_of(state.array);
  const std::vector<double> values = numbers(parameters.values());
  const double statistic = numbers(fields[1].tensor.value())[0];

  const RateTest test = find_rate(*optimizer, fields, loss, {.from = 1e-5, .to = 1, .steps = 40, .smoothing = 0.5});
  EXPECT_GE(test.rates.size(), 2U);
  const OptimizerState after = optimizer->state();
  EXPECT_EQ(after.steps, before.steps);
  EXPECT_EQ(after.groups, before.groups);
  ASSERT_EQ(after.arrays.size(), before.arrays.size());
  for (std::size_t i = 0; i < before.arrays.size(); ++i)
    EXPECT_EQ(numbers(after.arrays[i].array), numbers(before.arrays[i].array)) << before.arrays[i].name;
  EXPECT_EQ(numbers(parameters.values()), values);
  EXPECT_EQ(numbers(fields[1].tensor.value())[0], statistic);
  const std::vector<double> random = numbers(rand({3}).value());
  manual_seed(7);
  EXPECT_EQ(numbers(rand({3}).value()), random);
  EXPECT_FALSE(fields[0].tensor.gradient().defined());

  const RateTest again = find_rate(*optimizer, fields, loss, {.from = 1e-5, .to = 1, .steps = 40, .smoothing = 0.5});
  EXPECT_EQ(again.losses, test.losses);
  EXPECT_EQ(again.suggestion, test.suggestion);
}

INSTANTIATE_TEST_SUITE_P(ByName, RateFinder, ::testing::ValuesIn(optimizer_names()),
                         [](const auto& name) { return name.param; });

TEST(RateFinderSuggestion, LiesBelowWhereTheLossDiverges) {
  OneParameter model(1);
  model.fields[0].tensor.value().data<float>()[0] = 5;
  const auto loss = [&](std::int64_t) {  // x²: stable up to 2 / 2
    const double x = numbers(model.fields[0].tensor.value())[0];
    give_gradient(model.fields[0].tensor, {2 * x});
    return x * x;
  };
  const RateTest test = find_rate(model.optimizer, model.fields, loss, {.from = 1e-4, .to = 100, .smoothing = 0});
  EXPECT_TRUE(test.diverged);
  EXPECT_GT(test.suggestion, 1e-3);
  EXPECT_LT(test.suggestion, 4);  // with momentum 0.9: 2 (1 + 0.9) / 2
  EXPECT_THROW(find_rate(model.optimizer, model.fields, loss, {.from = 1, .to = 0.1}), UsageError);
}

}  // namespace
}  // namespace joist
