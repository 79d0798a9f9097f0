// ctest: TIMEOUT 300
// The built-in models: as many parameters as the published ones, their names, and each learns a batch.
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/models/efficientnet.h>
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/layers/models/resnet.h>
#include <joist/layers/models/vit.h>
#include <joist/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::int64_t parameters_of(const std::vector<Field>& fields) {
  return std::accumulate(fields.begin(), fields.end(), std::int64_t{0}, [](std::int64_t sum, const Field& field) {
    return sum + (field.trainable ? field.tensor.value().elements() : 0);
  });
}

void expect_names(const std::vector<Field>& fields, std::initializer_list<const char*> names) {
  for (const char* name : names)
    EXPECT_EQ(std::count_if(fields.begin(), fields.end(), [name](const Field& field) { return field.name == name; }), 1)
        << name;
}

Tensor noise(const Shape& shape) { return contiguous(rand(shape, 0, 1), Order::channels_last); }

Array numbers(std::int64_t count, std::int64_t below, std::uint64_t seed) {
  Random random({.seed = seed, .stream = Stream::test});
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(below))));
  return Array::from(values, {count});
}

// Trains on one batch; the loss before the first and after the last step.
template <class M>
std::pair<double, double> learn(M& model, const Tensor& input, const Array& target, std::int64_t classes, int steps,
                                double lr) {
  FlatParameters parameters(fields_of(model));
  AdamW optimizer(parameters, {.lr = lr});
  const auto loss = [&] { return mean(cross_entropy(reshape(model(input), {-1, classes}), target)); };
  double first = 0;
  for (int step = 0; step < steps; ++step) {
    const Tensor now = loss();
    if (step == 0) first = now.item();
    now.backward();
    optimizer.step();
  }
  const NoGradient off;
  return {first, loss().item()};
}

TEST(Models, ResNetsOfBottlenecks) {
  ResNet fifty({.depth = 50});
  EXPECT_EQ(parameters_of(fields_of(fifty)), 25557032);  // torchvision's resnet50
  expect_names(fields_of(fifty), {"layer1.0.downsample.0.weight", "layer2.3.conv3.weight", "layer4.2.bn3.running_var"});
  ResNet hundred({.depth = 101});
  EXPECT_EQ(parameters_of(fields_of(hundred)), 44549160);
  EXPECT_THROW(ResNet({.depth = 19}), UsageError);
}

TEST(Models, ResNet50LearnsABatch) {
  manual_seed(1);
  ResNet model({.depth = 50, .classes = 4});
  const auto [first, last] = learn(model, noise({4, 3, 64, 64}), numbers(4, 4, 1), 4, 6, 1e-3);
  EXPECT_LT(last, 0.6 * first);
}

TEST(Models, EfficientNet) {
  EfficientNet model;
  EXPECT_EQ(parameters_of(fields_of(model)), 5288548);  // torchvision's efficientnet_b0
  EXPECT_EQ(fields_of(model).size(), 311U);             // its state dict without num_batches_tracked
  expect_names(fields_of(model),
               {"features.0.0.weight", "features.1.0.block.0.0.weight", "features.1.0.block.1.fc1.weight",
                "features.1.0.block.2.1.running_mean", "features.2.1.block.2.fc2.bias", "features.7.0.block.3.1.bias",
                "features.8.1.weight", "classifier.1.bias"});
  const auto& last = std::get<Sequence<MobileBlock>>(model.features.layers[7]);
  EXPECT_DOUBLE_EQ(std::get<MobileBlock>(last.layers.back()).stochastic_depth.p, 0.1875);  // torchvision: 0.2 · 15 / 16
  EfficientNet lite({.epsilon = 1e-3, .lite = true});
  EXPECT_EQ(parameters_of(fields_of(lite)), 4652008);  // timm's tf_efficientnet_lite0
  EXPECT_EQ(lite(noise({1, 3, 65, 46})).shape(), (Shape{1, 1000}));
}

TEST(Models, EfficientNetLearnsABatch) {
  manual_seed(1);
  EfficientNet model({.classes = 4, .dropout = 0, .stochastic_depth = 0});
  const auto [first, last] = learn(model, noise({4, 3, 64, 64}), numbers(4, 4, 1), 4, 10, 2e-3);
  EXPECT_LT(last, 0.6 * first);
}

TEST(Models, EfficientNetDropsInTrainingOnly) {
  manual_seed(1);
  const EfficientNet model({.classes = 4, .dropout = 0, .stochastic_depth = 0.9});
  const Tensor pictures = noise({2, 3, 32, 32});
  const auto outputs = [&] {
    const NoGradient off;
    return model(pictures).value().to_vector<float>();
  };
  EXPECT_NE(outputs(), outputs());
  const Mode evaluation(Mode::evaluation);
  EXPECT_EQ(outputs(), outputs());
}

TEST(Models, VisionTransformer) {
  VisionTransformer model;
  EXPECT_EQ(parameters_of(fields_of(model)), 5717416);  // ViT-Ti/16
  expect_names(
      fields_of(model),
      {"class_token", "conv_proj.weight", "encoder.pos_embedding", "encoder.layers.encoder_layer_0.ln_1.weight",
       "encoder.layers.encoder_layer_11.self_attention.in_proj_weight",
       "encoder.layers.encoder_layer_11.self_attention.out_proj.bias", "encoder.layers.encoder_layer_11.mlp.3.weight",
       "encoder.ln.bias", "heads.head.weight"});
  EXPECT_THROW(VisionTransformer({.size = 40}), UsageError);
  EXPECT_THROW(model(noise({1, 3, 64, 64})), ShapeError);
}

TEST(Models, VisionTransformerLearnsABatch) {
  manual_seed(1);
  VisionTransformer model({.size = 32, .layers = 2, .classes = 4});
  const auto [first, last] = learn(model, noise({8, 3, 32, 32}), numbers(8, 4, 1), 4, 30, 1e-3);
  EXPECT_NEAR(first, std::log(4), 1e-5);  // the head starts at 0
  EXPECT_LT(last, 0.3 * first);
}

TEST(Models, Gpt) {
  Gpt model;
  EXPECT_EQ(parameters_of(fields_of(model)), 10795841);  // counted by PyTorch for the same structure
  EXPECT_THROW(model(Tensor(Array::from(std::vector<std::int64_t>(257), {1, 257}))), ShapeError);
}

TEST(Models, GptAsLargeAsTheSmallestGpt2) {
  const GptOptions o = GptOptions::gpt2();
  EXPECT_EQ(o.vocabulary, 50304);
  EXPECT_EQ(o.context, 1024);
  Gpt model(GptOptions::gpt2(64, 8));  // the tables do not matter here
  EXPECT_EQ(parameters_of(fields_of(model)), 12 * 7087872 + (64 + 8 + 64) * 768 + 64 + 2 * 768);
  EXPECT_THROW(model(Tensor(Array::from(std::vector<std::int64_t>(9), {1, 9}))), ShapeError);
}

TEST(Models, GptLearnsABatchAndSeesNoFuture) {
  manual_seed(1);
  Gpt model({.vocabulary = 11, .context = 16, .layers = 2, .heads = 2, .width = 32});
  const Array tokens = numbers(2 * 16, 11, 3), next = numbers(2 * 16, 11, 4);
  const Tensor input = reshape(Tensor(tokens), {2, 16});
  const auto [first, last] = learn(model, input, next, 11, 60, 3e-3);
  EXPECT_LT(last, 0.5 * first);
  const NoGradient off;
  const Tensor whole = contiguous(slice(model(input), 1, 0, 9)), part = model(slice(input, 1, 0, 9));
  EXPECT_LT(max(abs(whole - part)).item(), 1e-5);
}

TEST(Models, LstmText) {
  LstmText model;
  EXPECT_EQ(parameters_of(fields_of(model)), 3728193);  // counted by PyTorch for the same structure
  expect_names(fields_of(model), {"tokens.weight", "lstm.weight_ih_l0", "lstm.bias_hh_l1", "head.bias"});
}

TEST(Models, LstmTextLearnsABatch) {
  manual_seed(1);
  LstmText model({.vocabulary = 11, .embedding = 16, .hidden = 32});
  const Tensor input = reshape(Tensor(numbers(2 * 12, 11, 3)), {2, 12});
  const auto [first, last] = learn(model, input, numbers(2 * 12, 11, 4), 11, 120, 1e-2);
  EXPECT_LT(last, 0.5 * first);
}

}  // namespace
}  // namespace joist
