// Receptive fields of published and of small networks, worked out by hand, and against what the gradient reaches.
#include <joist/joist.h>
#include <joist/tools/training/receptive_field.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor picture(std::int64_t side, bool gradient = false) {
  return Tensor(Array::from(std::vector<float>(static_cast<std::size_t>(side * side), 1), {1, 1, side, side}),
                gradient);
}
Tensor window(std::int64_t height, std::int64_t width) {
  return Tensor(Array::from(std::vector<float>(static_cast<std::size_t>(height * width), 1), {1, 1, height, width}));
}

void expect(const ReceptiveField& field, double size, double stride, double padding) {
  EXPECT_EQ(field.size, size);
  EXPECT_EQ(field.stride, stride);
  EXPECT_EQ(field.padding, padding);
  EXPECT_FALSE(field.whole);
}

std::vector<LayerField> fields_of_model(const char* name, std::int64_t channels, std::int64_t side) {
  const ModelRegistry registry;
  const auto model = registry.find(name).make({.classes = 10});
  return receptive_fields(*model, channels, side);
}

const LayerField& layer(const std::vector<LayerField>& layers, const std::string& name) {
  const auto at = std::find_if(layers.begin(), layers.end(), [&](const LayerField& one) { return one.name == name; });
  if (at == layers.end()) throw std::out_of_range(name);
  return *at;
}

TEST(ReceptiveFieldTest, OfResNet18) {
  const auto layers = fields_of_model("resnet18", 3, 64);
  expect(layer(layers, "conv1").axes[0], 7, 2, 3);
  expect(layer(layers, "layer1.1.conv2").axes[0], 43, 4, 21);
  expect(layer(layers, "layer2.1.conv2").axes[1], 99, 8, 49);
  expect(layer(layers, "layer3.1.conv2").axes[1], 211, 16, 105);
  expect(layer(layers, "layer4.1.conv2").axes[0], 435, 32, 217);  // the published one
  EXPECT_TRUE(layer(layers, "fc").axes[0].whole);
  EXPECT_EQ(layer(layers, "fc").axes[0].size, 64);
}

// VGG's first blocks: two 3×3 windows see 5, after a pooling of 2 each further window adds 4.
TEST(ReceptiveFieldTest, OfAChain) {
  const Tensor x = picture(32);
  ReceptiveFields fields(x);
  const Listening listening(fields);
  const ConvolutionOptions same{.padding = {1, 1}};
  const Tensor a = conv2d(conv2d(x, window(3, 3), {}, same), window(3, 3), {}, same);
  const Tensor b = max_pool2d(relu(a), {});
  const Tensor c = conv2d(conv2d(b, window(3, 3), {}, same), window(3, 3), {}, same);
  expect(fields.of(a)[0], 5, 1, 2);
  expect(fields.of(b)[0], 6, 2, 2);
  expect(fields.of(c)[0], 14, 2, 6);
  const Tensor d = conv2d(c, window(1, 3), {}, {.stride = {1, 2}, .padding = {0, 2}, .dilation = {1, 2}});
  expect(fields.of(d)[0], 14, 2, 6);
  expect(fields.of(d)[1], 22, 4, 10);
  EXPECT_EQ(fields.layers().size(), 6U);
  EXPECT_TRUE(fields.of(window(1, 1)).empty());
}

TEST(ReceptiveFieldTest, BranchesAreJoined) {
  const Tensor x = picture(16);
  ReceptiveFields fields(x);
  const Listening listening(fields);
  const Tensor wide = conv2d(x, window(7, 7), {}, {.stride = {2, 2}, .padding = {3, 3}});
  const Tensor narrow = conv2d(x, window(1, 1), {}, {.stride = {2, 2}});
  expect(fields.of(narrow + wide)[0], 7, 2, 3);
  const Tensor left = conv2d(x, window(1, 4), {}, {.padding = {0, 3}});  // sees three to the left
  const Tensor cut = slice(left, 3, 0, 16);
  expect(fields.of(cut)[1], 4, 1, 3);
  expect(fields.of(concat({cut, x}, 1))[1], 4, 1, 3);
  expect(fields.of(slice(x, 2, 1, 16, 3))[0], 1, 3, -1);
  EXPECT_TRUE(fields.of(global_average_pool(wide))[0].whole);
}

// The pixels whose gradient is not 0 are the field.
TEST(ReceptiveFieldTest, IsWhatTheGradientReaches) {
  const Tensor x = picture(64, true);
  ReceptiveFields fields(x);
  const Listening listening(fields);
  Tensor y = conv2d(x, window(5, 3), {}, {.stride = {2, 1}, .padding = {2, 1}});
  y = avg_pool2d(y, {.kernel = {3, 2}, .stride = {2, 3}, .padding = {1, 1}});
  y = conv2d(y, window(3, 3), {}, {.padding = {2, 2}, .dilation = {2, 2}});
  const auto axes = fields.of(y);
  for (const int axis : {0, 1}) {
    const std::int64_t place = y.shape(2 + axis) / 2;
    x.clear_gradient();
    Array seed = Array::from(std::vector<float>(static_cast<std::size_t>(y.shape(2) * y.shape(3))), y.shape());
    seed.data<float>()[y.shape(2) / 2 * y.shape(3) + y.shape(3) / 2] = 1;
    ASSERT_GT(place, 0);
    Tensor again = conv2d(x, window(5, 3), {}, {.stride = {2, 1}, .padding = {2, 1}});
    again = avg_pool2d(again, {.kernel = {3, 2}, .stride = {2, 3}, .padding = {1, 1}});
    conv2d(again, window(3, 3), {}, {.padding = {2, 2}, .dilation = {2, 2}}).backward(seed);
    const std::vector<float> gradient = x.gradient().to_vector<float>();
    std::int64_t first = 64, last = -1;
    for (std::int64_t i = 0; i < 64; ++i)
      for (std::int64_t j = 0; j < 64; ++j)
        if (gradient[static_cast<std::size_t>(i * 64 + j)] != 0) {
          first = std::min(first, axis == 0 ? i : j);
          last = std::max(last, axis == 0 ? i : j);
        }
    const ReceptiveField& field = axes[static_cast<std::size_t>(axis)];
    EXPECT_EQ(static_cast<double>(first), static_cast<double>(place) * field.stride - field.padding);
    EXPECT_EQ(static_cast<double>(last - first + 1), field.size);
  }
}

TEST(ReceptiveFieldTest, ReadsAsTextAndJson) {
  const auto layers = fields_of_model("mnist_cnn", 1, 28);
  ASSERT_FALSE(layers.empty());
  EXPECT_NE(to_text(layers).find("convolution"), std::string::npos);
  EXPECT_NE(to_json(layers).find("\"stride\""), std::string::npos);
}

}  // namespace
}  // namespace joist
