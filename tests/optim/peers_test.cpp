// Optimizers that PyTorch does not have against the packages that do (tests/fixtures/make_optimizer_peers.py), and what
// has no peer against its formula.
#include <joist/core/error.h>
#include <joist/optim/clip.h>
#include <joist/optim/prodigy.h>
#include <joist/optim/registry.h>
#include <joist/optim/regularize.h>
#include <joist/optim/schedule_free.h>
#include <joist/optim/sgd.h>
#include <joist/optim/soap.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using testing::Backend;
using testing::give_gradient;
using testing::numbers;
using testing::parameter;

const nlohmann::json& fixture() {
  static const nlohmann::json values = [] {
    std::ifstream file(JOIST_SOURCE_DIR "/tests/fixtures/optimizer_peers.json");
    return nlohmann::json::parse(file);
  }();
  return values;
}

// The problem of make_optimizer_peers.py.
struct Problem {
  explicit Problem(const Backend& backend = testing::doubled)
      : fields{parameter("a.weight", {0.5, -1, 2, 1, 0.25, -0.5}, {3, 2}, backend),
               parameter("a.gain", {1.5, -2, 0.75}, {3}, backend)},
        parameters(fields, together) {}

  double operator()() {
    double loss = 0, i = 0;
    for (const Field& field : fields) {
      std::vector<double> slope;
      for (const double x : numbers(field.tensor.value())) {
        const double away = x - std::sin(i);
        loss += (i + 1) * away * away + 0.1 * std::pow(away, 4);
        slope.push_back(2 * (i + 1) * away + 0.4 * std::pow(away, 3));
        ++i;
      }
      give_gradient(field.tensor, slope);
    }
    return loss;
  }
  std::vector<double> values() const {
    std::vector<double> all = numbers(fields[0].tensor.value());
    for (const double x : numbers(fields[1].tensor.value())) all.push_back(x);
    return all;
  }
  std::vector<double> gradients() const {
    std::vector<double> all = numbers(fields[0].tensor.gradient());
    for (const double x : numbers(fields[1].tensor.gradient())) all.push_back(x);
    return all;
  }

  std::vector<Field> fields;
  FlatParameters parameters;
};

void expect_close(const std::vector<double>& found, const std::vector<double>& wanted, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], tolerance * (1 + std::abs(wanted[i]))) << what << " element " << i;
}

struct Peer {
  std::string fixture, optimizer;
  std::vector<OptimizerOption> options;
  double tolerance = 1e-12;
};
const std::vector<Peer> peers{
    {"schedule_free_adamw", "schedule_free_adamw", {{"lr", "0.05"}, {"weight_decay", "0.1"}, {"warmup_steps", "3"}}},
    // The distance from the start is a difference of nearly equal numbers.
    {"prodigy", "prodigy", {{"weight_decay", "0.1"}}, 1e-8},
    {"prodigy_bias",
     "prodigy",
     {{"weight_decay", "0.1"},
      {"use_bias_correction", "true"},
      {"safeguard_warmup", "true"},
      {"decouple", "false"},
      {"d_coef", "2"},
      {"growth_rate", "1.5"}},
     1e-8},
    {"lars", "lars", {{"lr", "0.02"}, {"weight_decay", "0.01"}, {"trust_coefficient", "0.5"}}},
    {"lars_nesterov",
     "lars",
     {{"lr", "0.02"}, {"momentum", "0.8"}, {"dampening", "0.1"}, {"nesterov", "true"}, {"trust_coefficient", "1"}}},
    {"lion", "lion", {{"lr", "0.03"}, {"weight_decay", "0.1"}}},
    // The Hessian's diagonal by differences of gradients; the peer has it exactly.
    {"sophia", "sophia", {{"lr", "0.5"}, {"clip", "0.05"}}, 1e-8},
    // The peer rounds the basis to float32.
    {"soap", "soap", {{"lr", "0.02"}, {"weight_decay", "0.01"}, {"precondition_frequency", "4"}}, 1e-6},
    // The peer takes the norm of the gradient in float32.
    {"sam", "sam:sgd", {{"sam:rho", "0.1"}, {"lr", "0.01"}, {"momentum", "0.9"}}, 1e-7},
    {"sam_adaptive", "sam:sgd", {{"sam:rho", "0.5"}, {"sam:adaptive", "true"}, {"lr", "0.01"}}, 1e-7},
    {"lookahead", "lookahead:adam", {{"lr", "0.05"}}},
};

TEST(Peers, OptimizersFollow) {
  for (const Peer& peer : peers) {
    Problem problem;
    const auto optimizer = make_optimizer(peer.optimizer, problem.parameters, peer.options);
    optimizer->train();
    const nlohmann::json& wanted = fixture().at(peer.fixture);
    for (int step = 1; step <= 30; ++step) {
      optimizer->step([&] { return problem(); });
      const auto expected = wanted.find(std::to_string(step));
      if (expected != wanted.end())
        expect_close(problem.values(), expected->get<std::vector<double>>(), peer.tolerance,
                     peer.fixture + " step " + std::to_string(step));
    }
    optimizer->eval();
    if (wanted.contains("eval"))
      expect_close(problem.values(), wanted.at("eval").get<std::vector<double>>(), peer.tolerance, peer.fixture);
  }
}

TEST(Peers, GradientsFollow) {
  Problem problem;
  problem();
  centralize_gradients(problem.parameters);
  expect_close(problem.gradients(), fixture().at("centralized").get<std::vector<double>>(), 1e-12, "centralized");
  Problem clipped;
  clipped();
  clip_gradient_units(clipped.parameters, 0.01, 1e-3);
  expect_close(clipped.gradients(), fixture().at("clipped_units").get<std::vector<double>>(), 1e-12, "units");
  EXPECT_EQ(peers.size() + 2, fixture().size());
}

TEST(ScheduleFree, ForgottenModesAreErrors) {
  Problem problem;
  ScheduleFreeAdamW optimizer(problem.parameters, {.lr = 0.1});
  EXPECT_THROW(optimizer.step([&] { return problem(); }), UsageError);
  optimizer.train();
  for (int i = 0; i < 5; ++i) optimizer.step([&] { return problem(); });
  EXPECT_FALSE(optimizer.evaluating());
  const std::vector<double> trained = problem.values();
  {
    const Evaluated evaluated(optimizer);
    EXPECT_TRUE(optimizer.evaluating());
    EXPECT_NE(problem.values(), trained);
    EXPECT_THROW(optimizer.step([&] { return problem(); }), UsageError);
  }
  EXPECT_EQ(problem.values(), trained);  // bit by bit
}

TEST(Prodigy, FindsARate) {
  Problem problem;
  Prodigy optimizer(problem.parameters);
  const double first = problem();
  for (int i = 0; i < 400; ++i) optimizer.step([&] { return problem(); });
  EXPECT_GT(optimizer.estimate(), 0.01);
  EXPECT_LT(problem(), 1e-3 * first);
}

// Adam's direction scaled to the norm of each parameter, by hand for one step.
TEST(Lamb, OneStep) {
  Problem problem;
  const auto optimizer = make_optimizer("lamb", problem.parameters, {{"lr", "0.1"}, {"weight_decay", "0.5"}});
  problem();
  const std::vector<double> g = problem.gradients(), p = problem.values();
  optimizer->step();
  std::vector<double> wanted;
  for (const auto& [first, last] : {std::pair{0, 6}, std::pair{6, 9}}) {
    double weight = 0, length = 0;
    const auto direction = [&](int i) {
      const auto at = static_cast<std::size_t>(i);
      return g[at] / (std::abs(g[at]) + 1e-6) + 0.5 * p[at];
    };
    for (int i = first; i < last; ++i) {
      weight += std::pow(p[static_cast<std::size_t>(i)], 2);
      length += std::pow(direction(i), 2);
    }
    for (int i = first; i < last; ++i)
      wanted.push_back(p[static_cast<std::size_t>(i)] - 0.1 * std::sqrt(weight / length) * direction(i));
  }
  expect_close(problem.values(), wanted, 1e-12, "LAMB");
}

TEST(Soap, WithoutPreconditionersIsAdamOneStepLate) {
  Problem soap_problem, adam_problem;
  Soap soap(soap_problem.parameters,
            {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-12, .weight_decay = 0, .max_precondition_dim = 0});
  const auto adam =
      make_optimizer("adam", adam_problem.parameters, {{"lr", "0.1"}, {"beta2", "0.99"}, {"eps", "1e-12"}});
  soap.step([&] { return soap_problem(); });
  for (int i = 0; i < 10; ++i) {
    soap.step([&] { return soap_problem(); });
    adam->step([&] { return adam_problem(); });
  }
  expect_close(soap_problem.values(), adam_problem.values(), 1e-9, "SOAP");
}

TEST(Cautious, MovesOnlyWhereStepAndGradientAgree) {
  const std::vector<Field> fields{parameter("a.weight", {1, 1, 1, 1}, {2, 2}, testing::doubled)};
  FlatParameters parameters(fields, together);
  const auto optimizer = make_optimizer("cautious:sgd", parameters, {{"lr", "1"}, {"momentum", "1"}});
  give_gradient(fields[0].tensor, {1, 1, 1, 1});
  optimizer->step();
  EXPECT_EQ(numbers(fields[0].tensor.value()), (std::vector<double>{0, 0, 0, 0}));
  give_gradient(fields[0].tensor, {1, -0.5, -0.5, 1});  // velocities 2, 0.5, 0.5, 2; half of them agree
  optimizer->step();
  EXPECT_EQ(numbers(fields[0].tensor.value()), (std::vector<double>{-4, 0, 0, -4}));
}

TEST(Regularize, L1AndL2) {
  const std::vector<Field> fields{parameter("a.weight", {2, -0.05, -3, 0.1}, {2, 2}, testing::doubled),
                                  parameter("a.bias", {1}, {1}, testing::doubled)};
  FlatParameters parameters(fields);
  add_l1_gradients(parameters, 0.5);
  EXPECT_EQ(numbers(parameters.part(parameters.gradients(), parameters.slices()[0])),
            (std::vector<double>{0.5, -0.5, -0.5, 0.5}));
  add_l2_gradients(parameters, 1);
  Sgd optimizer(parameters, {.lr = 0.25});
  proximal_l1(optimizer, 1);
  EXPECT_EQ(numbers(fields[0].tensor.value()), (std::vector<double>{1.75, 0, -2.75, 0}));
  EXPECT_EQ(numbers(fields[1].tensor.value()), std::vector<double>{1});  // biases are not decayed
  EXPECT_THROW(proximal_l1(optimizer, -1), UsageError);
}

TEST(Clip, ByValue) {
  const std::vector<Field> fields{parameter("a.weight", {0, 0, 0}, {3, 1})};
  FlatParameters parameters(fields);
  give_gradient(fields[0].tensor, {3, -0.5, -7});
  clip_gradient_value(parameters, 1);
  EXPECT_EQ(numbers(fields[0].tensor.gradient()), (std::vector<double>{1, -0.5, -1}));
  EXPECT_THROW(clip_gradient_value(parameters, 0), UsageError);
}

TEST(GradientNoise, HasTheVarianceOfItsStep) {
  for (const std::int64_t step : {0, 99}) {
    const std::vector<Field> fields{parameter("a.weight", std::vector<double>(40000, 0), {200, 200})};
    FlatParameters parameters(fields);
    give_gradient(fields[0].tensor, std::vector<double>(40000, 0));
    add_gradient_noise(parameters, step, 5, 0.3, 0.55);
    const std::vector<double> once = numbers(fields[0].tensor.gradient());
    double square = 0;
    for (const double x : once) square += x * x;
    const double wanted = 0.3 / std::pow(1 + static_cast<double>(step), 0.55);
    EXPECT_NEAR(square / 40000, wanted, 0.03 * wanted);
    fields[0].tensor.clear_gradient();
    give_gradient(fields[0].tensor, std::vector<double>(40000, 0));
    add_gradient_noise(parameters, step, 5, 0.3, 0.55);
    EXPECT_EQ(numbers(fields[0].tensor.gradient()), once);
  }
}

}  // namespace
}  // namespace joist
