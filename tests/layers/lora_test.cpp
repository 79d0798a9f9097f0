// Low-rank adapters of any layer: what they change, what they learn, and how they become part of the weights.
#include <joist/core/formats/archive.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/attention.h>
#include <joist/layers/convolution.h>
#include <joist/layers/lora.h>
#include <joist/optim/adam.h>
#include <joist/tests/support/expect_error.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Net {
  Conv2d conv{{.in = 3, .out = 6, .kernel = 3}};
  MultiheadAttention attention{{.embed_dim = 6, .num_heads = 2, .batch_first = true}};
  Linear head{{.in = 6, .out = 4}};
  Tensor operator()(const Tensor& x) const {
    const Tensor y = transpose(flatten(relu(conv(x)), 2), 1, 2);
    return head(mean(attention(y, y, y).output, {1}));
  }
};

std::vector<float> values(const Tensor& x) { return row_major_copy(x.value()).to_vector<float>(); }

double difference(const Tensor& a, const Tensor& b) { return amax(abs(a.detach() - b.detach())).item(); }

std::vector<std::vector<float>> all_values(Net& net) {
  std::vector<std::vector<float>> all;
  for (const Field& field : fields_of(net)) all.push_back(values(field.tensor));
  return all;
}

struct Adapted {
  Adapted() {
    manual_seed(3);
    net = std::make_unique<Net>();
    x = rand({2, 3, 5, 5}, 0, 1);
    before = (*net)(x);
  }
  std::unique_ptr<Net> net;
  Tensor x, before;
};

void learn(Net& net, Lora& lora, const Tensor& x, int steps) {
  FlatParameters parameters(lora.fields());
  AdamW optimizer(parameters, {.lr = 0.05});
  for (int i = 0; i < steps; ++i) {
    lora.attach();
    mean(square(net(x) - 1)).backward();
    optimizer.step();
  }
}

TEST(Lora, LearnsInItsMatricesOnlyAndBecomesPartOfTheWeights) {
  Adapted a;
  Lora lora(*a.net, {.rank = 2, .alpha = 4, .targets = {"conv", "in_proj_weight", "out_proj", "head"}});
  const auto base = all_values(*a.net);
  lora.attach();
  EXPECT_EQ(values((*a.net)(a.x)), values(a.before));  // B is 0: bit for bit
  learn(*a.net, lora, a.x, 30);
  lora.attach();
  const Tensor adapted = (*a.net)(a.x);
  EXPECT_LT(mean(square(adapted - 1)).item(), 0.2 * mean(square(a.before - 1)).item());
  lora.detach();
  EXPECT_EQ(values((*a.net)(a.x)), values(a.before));
  EXPECT_EQ(all_values(*a.net), base);
  lora.merge();
  EXPECT_LT(difference((*a.net)(a.x), adapted), 1e-5);
  lora.attach();  // starts anew as nothing
  EXPECT_LT(difference((*a.net)(a.x), adapted), 1e-5);
}

TEST(Lora, HasPeftsNamesShapesAndScales) {
  Adapted a;
  const Lora lora(*a.net, {.rank = 4, .alpha = 8, .targets = {"conv", "attention.**"}, .rslora = true});
  std::vector<std::string> seen;
  for (const Field& field : lora.fields()) seen.push_back(field.name + " " + field.tensor.shape().text());
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "conv.lora_A.weight [4, 3, 3, 3]", "conv.lora_B.weight [6, 4, 1, 1]",
                      "attention.in_proj_weight.lora_A.weight [4, 6]", "attention.in_proj_weight.lora_B.weight [18, 4]",
                      "attention.out_proj.lora_A.weight [4, 6]", "attention.out_proj.lora_B.weight [6, 4]"}));
  EXPECT_DOUBLE_EQ(lora.scale(), 8 / std::sqrt(4.0));
  EXPECT_FALSE(a.net->head.weight.requires_grad());
}

// With the full rank an adapter reaches what training of the weight reaches.
TEST(Lora, OfFullRankReachesTheOptimum) {
  manual_seed(5);
  Linear layer({.in = 4, .out = 3, .bias = false});
  const Tensor x = rand({40, 4}, -1, 1), wanted = matmul(x, rand({4, 3}, -1, 1));
  Lora lora(layer, {.rank = 3, .alpha = 3, .targets = {"**"}});
  FlatParameters parameters(lora.fields());
  Adam optimizer(parameters, {.lr = 0.02});
  double loss = 1;
  for (int i = 0; i < 1500; ++i) {
    lora.attach();
    const Tensor now = mean(square(layer(x) - wanted));
    loss = now.item();
    now.backward();
    optimizer.step();
  }
  EXPECT_LT(loss, 1e-8);
}

TEST(Lora, EndsWithTheModelAsItWas) {
  Adapted a;
  {
    Lora lora(*a.net, {.targets = {"head"}});
    lora.attach();
    learn(*a.net, lora, a.x, 3);
    lora.attach();
  }
  EXPECT_EQ(values((*a.net)(a.x)), values(a.before));
}

TEST(Lora, RefusesWhatItCannotAdapt) {
  Adapted a;
  expect_error<UsageError>([&] { return Lora(*a.net, {.targets = {"nowhere"}}).scale(); }, {"nowhere", "conv", "head"});
  expect_error<UsageError>([&] { return Lora(*a.net, {.targets = {}}).scale(); }, {"no targets"});
  expect_error<UsageError>([&] { return Lora(*a.net, {.rank = 0, .targets = {"head"}}).scale(); }, {"rank 0"});
  Linear plain({.in = 2, .out = 2});
  expect_error<UsageError>([&] { return Lora(plain, {.targets = {"bias"}}).scale(); }, {"bias"});
}

}  // namespace
}  // namespace joist
