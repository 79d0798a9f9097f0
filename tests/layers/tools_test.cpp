// Tools for models: summary, freezing, hooked layers.
#include <joist/core/mode.h>
#include <joist/layers/freeze.h>
#include <joist/layers/hooked.h>
#include <joist/layers/models/mnist_cnn.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/summary.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

TEST(Summary, CountsWhatPyTorchCountsForResnet18) {
  ResNet model({.depth = 18, .classes = 1000});
  const Summary found = summary(model, Tensor::zeros({1, 3, 224, 224}));
  EXPECT_EQ(found.parameters, 11689512);  // torchvision
  EXPECT_EQ(found.flops, 3628146688);     // torch.utils.flop_counter
  EXPECT_EQ(found.buffers, 9600);
  EXPECT_TRUE(found.unused.empty());
  EXPECT_EQ(found.rows.back().layer, "fc");
  EXPECT_NE(found.text().find("11,689,512 parameters"), std::string::npos) << found.text();
}

TEST(Summary, HasARowPerOperation) {
  MnistCnn model;
  const Summary found = summary(model, Tensor::zeros({2, 1, 28, 28}));
  ASSERT_GE(found.rows.size(), 9U);
  EXPECT_EQ(found.rows[0].layer, "conv1");
  EXPECT_EQ(found.rows[0].operation, "convolution");
  EXPECT_EQ(found.rows[0].outputs, (std::vector{Shape{2, 32, 28, 28}}));
  EXPECT_EQ(found.rows[0].parameters, 32 * 9 + 32);
  EXPECT_EQ(found.rows[0].flops, 2LL * 2 * 32 * 28 * 28 * 9);
  EXPECT_EQ(found.rows[0].bytes, 2LL * 32 * 28 * 28 * 4);
  EXPECT_EQ(found.rows[1].operation, "max_pool");
  EXPECT_EQ(found.rows[1].layer, "");
  std::int64_t parameters = 0;
  for (const SummaryRow& row : found.rows) parameters += row.parameters;
  EXPECT_EQ(parameters, found.parameters);
  const auto json = nlohmann::json::parse(found.json());
  EXPECT_EQ(json["rows"].size(), found.rows.size());
  EXPECT_EQ(json["rows"][0]["outputs"][0], (std::vector<int>{2, 32, 28, 28}));
  EXPECT_EQ(json["flops"], found.flops);
}

struct PartlyUsed {
  Linear used{{.in = 2, .out = 3}}, idle{{.in = 2, .out = 3}};
  Parameter tied{};
  Tensor operator()(const Tensor& x) const { return linear(used(x), tied); }
};

TEST(Summary, SaysWhatIsFrozenUnusedAndShared) {
  PartlyUsed model;
  model.tied = Parameter(Tensor::zeros({4, 3}).value());
  freeze(model, "idle");
  const Summary found = summary(model, Tensor::zeros({1, 2}));
  EXPECT_EQ(found.parameters, 9 + 9 + 12);
  EXPECT_EQ(found.trainable, 9 + 12);
  EXPECT_EQ(found.unused, (std::vector<std::string>{"idle"}));
  EXPECT_NE(found.text().find("not used in this call: idle"), std::string::npos);
}

TEST(Summary, LeavesRunningStatisticsAndModeAlone) {
  ResNet model({.depth = 18, .classes = 2});
  const auto before = fields_of(model);
  std::uint64_t versions = 0, after = 0;
  for (const Field& field : before) versions += field.tensor.value().version();
  summary(model, Tensor::zeros({1, 3, 32, 32}));
  for (const Field& field : fields_of(model)) after += field.tensor.value().version();
  EXPECT_EQ(after, versions);
  EXPECT_TRUE(training());
}

TEST(Matches, KnowsStarsQuestionMarksAndBraces) {
  for (const auto& [pattern, name, wanted] :
       std::vector<std::tuple<const char*, const char*, bool>>{{"fc.weight", "fc.weight", true},
                                                               {"fc.*", "fc.weight", true},
                                                               {"*.weight", "layer1.conv.weight", false},
                                                               {"**.weight", "layer1.conv.weight", true},
                                                               {"layer?.**", "layer1.0.conv1.weight", true},
                                                               {"layer?.**", "layer12.0.conv1.weight", false},
                                                               {"layer{1,2}.**", "layer2.0.weight", true},
                                                               {"layer{1,2}.**", "layer3.0.weight", false},
                                                               {"{a,b}.{c,d}", "b.d", true},
                                                               {"{a,b}.{c,d}", "b.e", false},
                                                               {"**.0.*.bias", "a.1.0.0.conv.bias", true},
                                                               {"**a*b", "xa.ya.zab", true},
                                                               {"**a*b", "xa.ya.zac", false},
                                                               {"*", "", true},
                                                               {"", "a", false},
                                                               {"?", ".", false}})
    EXPECT_EQ(matches(pattern, name), wanted) << pattern << " " << name;
}

TEST(Freeze, StopsAndStartsGradientsByName) {
  MnistCnn model;
  EXPECT_EQ(freeze(model, "conv*"),
            (std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}));
  sum(model(Tensor::full({1, 1, 28, 28}, 0.5))).backward();
  EXPECT_FALSE(model.conv1.weight.gradient().defined());
  EXPECT_TRUE(model.fc2.weight.gradient().defined());
  EXPECT_EQ(unfreeze(model, "conv2.bias").size(), 1U);
  sum(model(Tensor::full({1, 1, 28, 28}, 0.5))).backward();
  EXPECT_FALSE(model.conv2.weight.gradient().defined());
  EXPECT_TRUE(model.conv2.bias.gradient().defined());
  try {
    freeze(model, "backbone.**");
    FAIL();
  } catch (const UsageError& error) {
    for (const char* word : {"no parameter fits \"backbone.**\"", "conv1.weight", "**"})
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

struct Watched {
  Hooked<Linear> first{Linear({.in = 2, .out = 2})};
  Linear second{{.in = 2, .out = 1}};
  Tensor operator()(const Tensor& x) const { return second(relu(first(x))); }
};

TEST(Hooked, KeepsTheNamesOfTheLayer) {
  Watched model;
  std::vector<std::string> names;
  for (const Field& field : fields_of(model)) names.push_back(field.name);
  EXPECT_EQ(names, (std::vector<std::string>{"first.weight", "first.bias", "second.weight", "second.bias"}));
  const Watched copy = clone(model);
  EXPECT_FALSE(copy.first->weight.value().shares_memory_with(model.first->weight.value()));
}

TEST(Hooked, ForwardHooksSeeAndReplace) {
  Watched model;
  const Tensor x = Tensor::from({1, 2}, {1, 2});
  const Tensor plain = model(x);
  Shape in, out;
  const int before = model.first.on_before([](const Tensor& given) { return given * 0.0; });
  const int after = model.first.on_forward([&](const Tensor& given, const Tensor& y) {
    in = given.shape(), out = y.shape();
    return y + 100.0;
  });
  const Tensor y = model(x);
  EXPECT_EQ(in, (Shape{1, 2}));
  EXPECT_EQ(out, (Shape{1, 2}));
  EXPECT_EQ(y.item(), model.second(relu((*model.first)(x * 0.0) + 100.0)).item());
  model.first.remove(before);
  model.first.remove(after);
  EXPECT_EQ(model(x).item(), plain.item());
  EXPECT_THROW(model.first.remove(after), UsageError);
}

TEST(Hooked, GradientHooksSeeBothSides) {
  Hooked<Linear> layer{Linear({.in = 2, .out = 2, .bias = false})};
  const Array weight = Array::from(std::vector<float>{1, 2, 3, 4}, {2, 2});
  layer->weight.place_value(weight);
  std::vector<std::vector<float>> seen;
  const auto watch = [&seen](const Array& g) {
    seen.push_back(g.to_vector<float>());
    return Array();
  };
  layer.on_output_gradient(watch);
  layer.on_input_gradient(watch);
  const Tensor x = Tensor::from({1, 1}, {1, 2}, true);
  sum(layer(x) * 10.0 + x).backward();
  EXPECT_EQ(seen, (std::vector<std::vector<float>>{{10, 10}, {40, 60}}));  // dy, then dx of this use alone
  EXPECT_EQ(x.gradient().to_vector<float>(), (std::vector<float>{41, 61}));
}

}  // namespace
}  // namespace joist
