// Optimizers against values computed in float64 from PyTorch's own update rules (Rosenbrock's function, 100 steps, and
// single steps of matrices). Every entry of the file must be compared.
#include <joist/optim/lbfgs.h>
#include <joist/optim/muon.h>
#include <joist/optim/registry.h>
#include <joist/tests/optim/support.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using testing::Backend;
using testing::give_gradient;
using testing::numbers;
using testing::parameter;

struct Configuration {
  std::string golden;
  std::string optimizer;
  std::vector<OptimizerOption> options;
};
const std::vector<Configuration> configurations{
    {"SGD lr=1e-3", "sgd", {{"lr", "1e-3"}}},
    {"SGD lr=1e-4 mom=.9", "sgd", {{"lr", "1e-4"}, {"momentum", "0.9"}}},
    {"SGD lr=1e-4 mom=.9 damp=.5", "sgd", {{"lr", "1e-4"}, {"momentum", "0.9"}, {"dampening", "0.5"}}},
    {"SGD lr=1e-4 mom=.9 nesterov", "sgd", {{"lr", "1e-4"}, {"momentum", "0.9"}, {"nesterov", "true"}}},
    {"SGD lr=1e-4 mom=.9 wd=.1", "sgd", {{"lr", "1e-4"}, {"momentum", "0.9"}, {"weight_decay", "0.1"}}},
    {"Adam lr=.01", "adam", {{"lr", "0.01"}}},
    {"Adam lr=.01 amsgrad", "adam", {{"lr", "0.01"}, {"amsgrad", "true"}}},
    {"Adam lr=.01 wd=.1 (L2)", "adam", {{"lr", "0.01"}, {"weight_decay", "0.1"}}},
    {"AdamW lr=.01 wd=.1", "adamw", {{"lr", "0.01"}, {"weight_decay", "0.1"}}},
    {"Adagrad lr=.5", "adagrad", {{"lr", "0.5"}}},
    {"Adagrad lr=.5 lr_decay=.01 init_acc=.1",
     "adagrad",
     {{"lr", "0.5"}, {"lr_decay", "0.01"}, {"initial_accumulator_value", "0.1"}}},
    {"RMSprop lr=.01", "rmsprop", {{"lr", "0.01"}}},
    {"RMSprop lr=.01 centered", "rmsprop", {{"lr", "0.01"}, {"centered", "true"}}},
    {"RMSprop lr=.001 centered mom=.9", "rmsprop", {{"lr", "0.001"}, {"centered", "true"}, {"momentum", "0.9"}}},
    {"Adadelta lr=1", "adadelta", {{"lr", "1"}}},
    {"Adamax lr=.01", "adamax", {{"lr", "0.01"}}},
    {"NAdam lr=.01", "nadam", {{"lr", "0.01"}}},
    {"RAdam lr=.001", "radam", {{"lr", "0.001"}}},
    {"Rprop lr=.01", "rprop", {{"lr", "0.01"}}},
    {"ASGD lr=1e-4", "asgd", {{"lr", "1e-4"}}},
};
const std::set<std::string> other_entries{"LBFGS lr=1 no line search, 1 step()=20 it",
                                          "LBFGS strong_wolfe, max_iter=20/max_eval=25",
                                          "muon_ns5_2x3",
                                          "muon_step1_2x3",
                                          "muon_ns5_3x2",
                                          "muon_step1_3x2",
                                          "adafactor_step1_2x3"};

// Null where the file is not there.
const nlohmann::json& golden() {
  static const nlohmann::json values = [] {
    const char* shared = std::getenv("JOIST_SHARED_DATA");
    const std::filesystem::path folder = shared ? shared : JOIST_SOURCE_DIR "/../shared/data";
    std::ifstream file(folder / "golden" / "optimizers.json");
    return file ? nlohmann::json::parse(file) : nlohmann::json();
  }();
  return values;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& wanted, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], tolerance * std::abs(wanted[i])) << what << " element " << i;
}
std::vector<double> flat(const nlohmann::json& rows) {
  std::vector<double> values;
  for (const auto& row : rows)
    for (const double value : row) values.push_back(value);
  return values;
}

class Golden : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (golden().is_null()) GTEST_SKIP() << "no golden/optimizers.json (JOIST_SHARED_DATA names its folder)";
  }
  double tolerance() const { return GetParam().dtype == Dtype::float32 ? 2e-6 : 1e-12; }
};

TEST_P(Golden, FirstOrderMethodsFollowPyTorch) {
  for (const Configuration& configuration : configurations) {
    const std::vector<Field> fields{parameter("xy", {-1.5, 2}, {2}, GetParam())};
    FlatParameters parameters(fields, together);
    const auto optimizer = make_optimizer(configuration.optimizer, parameters, configuration.options);
    const nlohmann::json& wanted = golden().at(configuration.golden);
    int compared = 0;
    for (int step = 1; step <= 100; ++step) {
      testing::rosenbrock(fields[0].tensor);
      optimizer->step();
      const auto expected = wanted.find(std::to_string(step));
      if (expected == wanted.end()) continue;
      ++compared;
      expect_close(numbers(fields[0].tensor.value()), expected->get<std::vector<double>>(), tolerance(),
                   configuration.golden + " step " + std::to_string(step));
    }
    EXPECT_EQ(compared + 1, static_cast<int>(wanted.size())) << configuration.golden;
    const double last = testing::rosenbrock(fields[0].tensor);
    EXPECT_NEAR(last, wanted.at("f").get<double>(), 10 * tolerance() * last) << configuration.golden;
  }
}

TEST_P(Golden, MatricesFollowPyTorch) {
  for (const std::string shape : {"2x3", "3x2"}) {
    const std::int64_t rows = shape == "2x3" ? 2 : 3;
    const std::vector<double> gradient =
        rows == 2 ? std::vector<double>{1, 2, 3, 4, 5, 6} : std::vector<double>{1, 4, 2, 5, 3, 6};
    const Tensor matrix(testing::values_on(GetParam(), gradient, {rows, 5 - rows}));
    expect_close(numbers(Tensor(orthogonalized(matrix)).value()), flat(golden().at("muon_ns5_" + shape)), tolerance(),
                 "Newton-Schulz " + shape);
    const auto after_one_step = [&](const std::string& name, const std::vector<OptimizerOption>& options) {
      const std::vector<Field> fields{parameter("weight", {1, 1, 1, 1, 1, 1}, {rows, 5 - rows}, GetParam())};
      FlatParameters parameters(fields, together);
      const auto optimizer = make_optimizer(name, parameters, options);
      give_gradient(fields[0].tensor, gradient);
      optimizer->step();
      return numbers(fields[0].tensor.value());
    };
    expect_close(after_one_step("muon", {{"lr", "0.02"}, {"weight_decay", "0.1"}}),
                 flat(golden().at("muon_step1_" + shape)), tolerance(), "Muon " + shape);
    if (rows == 2)
      expect_close(after_one_step("adafactor", {}), flat(golden().at("adafactor_step1_2x3")), tolerance(), "Adafactor");
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, Golden, ::testing::Values(testing::single, testing::doubled, testing::reference),
                         [](const auto& backend) { return testing::name_of(backend.param); });

// What L-BFGS asks for, in order: x, y, f.
struct Recorded {
  std::vector<Field> fields{parameter("xy", {-1.5, 2}, {2}, testing::doubled)};
  FlatParameters parameters{fields, together};
  std::vector<std::vector<double>> evaluations{};

  double operator()() {
    std::vector<double> point = numbers(fields[0].tensor.value());
    point.push_back(testing::rosenbrock(fields[0].tensor));
    evaluations.push_back(point);
    return point[2];
  }
};

TEST(Golden, LbfgsWithStrongWolfe) {
  if (golden().is_null()) GTEST_SKIP() << "no golden/optimizers.json (JOIST_SHARED_DATA names its folder)";
  const nlohmann::json& wanted = golden().at("LBFGS strong_wolfe, max_iter=20/max_eval=25");
  Recorded function;
  Lbfgs optimizer(function.parameters, {.line_search_fn = "strong_wolfe"});
  // After each step, from the notes of the golden values: x, y, f, iterations, evaluations.
  const std::vector<std::array<double, 5>> steps{{-0.0851185559, -0.02875705841, 1.3071, 19, 25},
                                                 {0, 0, 1.88405e-07, 38, 50},
                                                 {0.9999979943, 0.9999973439, 1.87693e-10, 41, 53}};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    optimizer.step([&] { return function(); });
    const std::vector<double> at = numbers(function.fields[0].tensor.value());
    if (i != 1) {
      EXPECT_NEAR(at[0], steps[i][0], 1e-9) << i;
      EXPECT_NEAR(at[1], steps[i][1], 1e-9) << i;
    }
    EXPECT_NEAR(testing::rosenbrock(function.fields[0].tensor), steps[i][2], 1e-5 * steps[i][2]) << i;
    EXPECT_EQ(optimizer.iterations(), steps[i][3]) << i;
    EXPECT_EQ(optimizer.evaluations(), steps[i][4]) << i;
  }
  expect_close(numbers(function.fields[0].tensor.value()), wanted.at("x").get<std::vector<double>>(), 1e-9, "x");
  EXPECT_EQ(optimizer.iterations(), wanted.at("n_iter").get<std::int64_t>());
  EXPECT_EQ(optimizer.evaluations(), wanted.at("func_evals").get<std::int64_t>());
  const auto& first = wanted.at("first_evals");
  for (std::size_t i = 0; i < first.size(); ++i)
    expect_close(function.evaluations.at(i), first[i].get<std::vector<double>>(), 1e-9, "evaluation");
}

TEST(Golden, LbfgsWithoutLineSearch) {
  if (golden().is_null()) GTEST_SKIP() << "no golden/optimizers.json (JOIST_SHARED_DATA names its folder)";
  const nlohmann::json& wanted = golden().at("LBFGS lr=1 no line search, 1 step()=20 it");
  Recorded function;
  Lbfgs optimizer(function.parameters);
  optimizer.step([&] { return function(); });
  // From the notes of the golden values; later steps are chaotic.
  expect_close(numbers(function.fields[0].tensor.value()), {-0.7811227298, 0.6131352917}, 1e-9, "after one step");
  const auto& first = wanted.at("first_evals");
  for (std::size_t i = 0; i < first.size(); ++i)
    expect_close(function.evaluations.at(i), first[i].get<std::vector<double>>(), 1e-12, "evaluation");
  EXPECT_EQ(optimizer.iterations() * 3, wanted.at("n_iter").get<std::int64_t>());
  EXPECT_EQ(optimizer.evaluations() * 3, wanted.at("func_evals").get<std::int64_t>());
}

TEST(Golden, EveryEntryIsCompared) {
  if (golden().is_null()) GTEST_SKIP() << "no golden/optimizers.json (JOIST_SHARED_DATA names its folder)";
  std::set<std::string> compared = other_entries;
  for (const Configuration& configuration : configurations) compared.insert(configuration.golden);
  for (const auto& [name, value] : golden().items()) EXPECT_TRUE(compared.contains(name)) << name;
  for (const std::string& name : compared) EXPECT_TRUE(golden().contains(name)) << name;
}

}  // namespace
}  // namespace joist
