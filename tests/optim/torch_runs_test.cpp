// ctest: TIMEOUT 600
// The runs of tests/torch/make_optimizer_runs.py once more with joist's own network, gradients and optimizers.
// tests/torch/optimizers_test.py makes the file and sets JOIST_TORCH_RUNS; without it nothing is compared.
#include <joist/core/ops.h>
#include <joist/optim/registry.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

Array array_of(const std::vector<double>& values, const Shape& shape, Dtype dtype) {
  if (dtype == Dtype::float64) return Array::from(values, shape);
  return Array::from(std::vector<float>(values.begin(), values.end()), shape);
}

std::vector<double> numbers(const Array& array) {
  if (array.dtype() == Dtype::float64) return array.to_vector<double>();
  const std::vector<float> values = array.to_vector<float>();
  return {values.begin(), values.end()};
}

struct Network {
  Parameter conv_weight, conv_bias, fc_weight, fc_bias;

  Tensor operator()(const Tensor& x) const {
    const Tensor features = relu(conv2d(x, reshape(conv_weight, {4, 1, 3, 3}), conv_bias, {.padding = {1, 1}}));
    return linear(flatten(max_pool2d(features, {.kernel = {2, 2}}), 1), fc_weight, fc_bias);
  }
};

struct Batch {
  Tensor x, target;
};

// Largest difference in a parameter, as a share of its largest number.
double difference(const std::vector<double>& found, const std::vector<double>& wanted) {
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    largest = std::max(largest, std::abs(wanted[i]));
    const double one = std::abs(found[i] - wanted[i]);
    apart = std::isnan(one) ? one : std::max(apart, one);
  }
  return apart / largest;
}

void repeat(const nlohmann::json& run, const nlohmann::json& file, Dtype dtype, double tolerance) {
  const auto weight = [&](std::size_t i, const Shape& shape) {
    return Parameter(array_of(file.at("weights")[i].get<std::vector<double>>(), shape, dtype));
  };
  const bool matrix = run.at("matrix_kernel");
  Network network{weight(0, matrix ? Shape{4, 9} : Shape{4, 1, 3, 3}), weight(1, {4}), weight(2, {5, 64}),
                  weight(3, {5})};
  std::vector<Batch> batches;
  for (const auto& batch : file.at("batches"))
    batches.push_back({Tensor(array_of(batch.at("x").get<std::vector<double>>(), {8, 1, 8, 8}, dtype)),
                       Tensor(Array::from(batch.at("target").get<std::vector<std::int64_t>>(), {8}))});
  if (run.at("whole")) {
    std::vector<Tensor> pictures, targets;
    for (const Batch& batch : batches) {
      pictures.push_back(batch.x);
      targets.push_back(batch.target);
    }
    batches = {{cat(pictures, 0), cat(targets, 0)}};
  }

  const std::vector<Field> fields = fields_of(network);
  FlatParameters parameters(fields, together);
  std::vector<OptimizerOption> options;
  std::string name = run.at("optimizer").get<std::string>();
  for (const auto& option : run.at("options")) options.push_back({option[0], option[1]});
  const auto optimizer = make_optimizer(name, parameters, options);
  for (const OptimizerOption& option : options) name += " " + option.name + "=" + option.value;

  const nlohmann::json& wanted = run.at(std::string(name_of(dtype)));
  double worst = 0;
  std::size_t compared = 0;
  for (int step = 1; compared < wanted.size(); ++step) {
    const Batch& batch = batches[static_cast<std::size_t>(step - 1) % batches.size()];
    optimizer->step([&] {
      const Tensor loss = cross_entropy(network(batch.x), batch.target, CrossEntropyLossOptions{});
      loss.backward();
      return loss.item();
    });
    const auto expected = wanted.find(std::to_string(step));
    if (expected == wanted.end()) continue;
    ++compared;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const double apart = difference(numbers(fields[i].tensor.value()), (*expected)[i].get<std::vector<double>>());
      EXPECT_LE(apart, tolerance) << name << ", " << name_of(dtype) << ", step " << step << ", " << fields[i].name;
      worst = std::max(worst, apart);
    }
  }
  std::cout << name_of(dtype) << "  " << worst << "  " << name << "\n";
}

TEST(TorchRuns, AreRepeated) {
  const char* path = std::getenv("JOIST_TORCH_RUNS");
  if (!path) GTEST_SKIP() << "JOIST_TORCH_RUNS is not set (tools/test --with-torch does it)";
  std::ifstream stream(path);
  const nlohmann::json file = nlohmann::json::parse(stream);
  EXPECT_GE(file.at("runs").size(), 30U);
  for (const auto& run : file.at("runs")) {
    repeat(run, file, Dtype::float64, 1e-9);
    repeat(run, file, Dtype::float32, 1e-5);
  }
}

}  // namespace
}  // namespace joist
