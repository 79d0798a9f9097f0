// Initialization: bounds and deviations of each scheme, and that the numbers of the older functions stay what they
// were.
#include <joist/core/mode.h>
#include <joist/layers/init.h>
#include <joist/layers/linear.h>
#include <joist/layers/loss.h>
#include <joist/layers/penalty.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<float> values(const Parameter& parameter) {
  EXPECT_TRUE(parameter.requires_grad());
  return parameter.value().to_vector<float>();
}
double deviation(const std::vector<float>& x, double mean) {
  double sum = 0;
  for (const float value : x) sum += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  return std::sqrt(sum / static_cast<double>(x.size()));
}
double mean(const std::vector<float>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}
double largest(const std::vector<float>& x) {
  double most = 0;
  for (const float value : x) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

const Shape wide{80, 40, 3, 3};  // fans 360 and 720

void expect_uniform(const Parameter& parameter, double bound) {
  const auto x = values(parameter);
  EXPECT_LE(largest(x), bound * (1 + 1e-6));
  EXPECT_GT(largest(x), 0.999 * bound);
  EXPECT_NEAR(deviation(x, 0), bound / std::sqrt(3.0), 0.01 * bound);
}
void expect_normal(const Parameter& parameter, double wanted) {
  const auto x = values(parameter);
  EXPECT_NEAR(mean(x), 0, 0.02 * wanted);
  EXPECT_NEAR(deviation(x, 0), wanted, 0.02 * wanted);
  EXPECT_GT(largest(x), 3.5 * wanted);
}

TEST(Init, FansAndGains) {
  EXPECT_EQ(init::fans_of(wide).in, 360);
  EXPECT_EQ(init::fans_of(wide).out, 720);
  EXPECT_EQ(init::fans_of({7, 5}).in, 5);
  EXPECT_THROW(init::fans_of({7}), ShapeError);
  using init::Nonlinearity;
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::linear), 1);
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::sigmoid), 1);
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::tanh), 5.0 / 3);
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::relu), std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::leaky_relu, 0.2), std::sqrt(2 / 1.04));
  EXPECT_DOUBLE_EQ(init::calculate_gain(Nonlinearity::selu), 0.75);
}

TEST(Init, UniformSchemes) {
  manual_seed(1);
  expect_uniform(init::xavier_uniform(wide), std::sqrt(6.0 / 1080));
  expect_uniform(init::xavier_uniform(wide, 2), 2 * std::sqrt(6.0 / 1080));
  expect_uniform(init::kaiming_uniform(wide), std::sqrt(6.0 / 360));
  expect_uniform(init::kaiming_uniform(wide, {.slope = std::sqrt(5.0)}), 1 / std::sqrt(360.0));
  expect_uniform(init::kaiming_uniform(wide, {.fan = init::Fan::out, .nonlinearity = init::Nonlinearity::tanh}),
                 5.0 / 3 * std::sqrt(3.0 / 720));
  const auto x = values(init::uniform({10000}, 2, 6));
  EXPECT_NEAR(mean(x), 4, 0.05);
  EXPECT_GE(*std::min_element(x.begin(), x.end()), 2);
  EXPECT_LT(*std::max_element(x.begin(), x.end()), 6);
}

TEST(Init, NormalSchemes) {
  manual_seed(2);
  expect_normal(init::xavier_normal(wide), std::sqrt(2.0 / 1080));
  expect_normal(init::kaiming_normal(wide), std::sqrt(2.0 / 360));
  expect_normal(init::kaiming_normal(wide, {.fan = init::Fan::out, .nonlinearity = init::Nonlinearity::linear}),
                1 / std::sqrt(720.0));
  const auto x = values(init::normal({20000}, 3, 0.5));
  EXPECT_NEAR(mean(x), 3, 0.02);
  EXPECT_NEAR(deviation(x, 3), 0.5, 0.01);
}

TEST(Init, TruncatedNormal) {
  manual_seed(3);
  const auto x = values(init::trunc_normal({40000}, 0, 1, -1, 2));
  EXPECT_GE(*std::min_element(x.begin(), x.end()), -1);
  EXPECT_LE(*std::max_element(x.begin(), x.end()), 2);
  // φ(-1) - φ(2) over Φ(2) - Φ(-1)
  EXPECT_NEAR(mean(x), (0.2419707 - 0.0539910) / 0.8185946, 0.01);
  EXPECT_THROW(init::trunc_normal({4}, 0, 1, 2, 1), UsageError);
}

TEST(Init, Orthogonal) {
  manual_seed(4);
  for (const Shape& shape : {Shape{6, 10}, Shape{10, 6}, Shape{8, 2, 2, 2}, Shape{1, 1}, Shape{5, 1}})
    EXPECT_LT(orthogonality_penalty(init::orthogonal(shape)).item(), 1e-10) << shape.text();
  EXPECT_NEAR(l2_penalty(init::orthogonal({6, 10}, 3)).item(), 6 * 9 / 2.0, 1e-4);
  EXPECT_THROW(init::orthogonal({3}), ShapeError);
}

TEST(Init, Sparse) {
  manual_seed(5);
  const auto x = values(init::sparse({10, 200}, 0.25, 0.5));
  for (std::size_t column = 0; column < 200; ++column) {
    int zeros = 0;
    for (std::size_t row = 0; row < 10; ++row) zeros += x[row * 200 + column] == 0;
    EXPECT_EQ(zeros, 3);  // 2.5, rounded up
  }
  EXPECT_NEAR(deviation(x, 0), 0.5 * std::sqrt(0.7), 0.03);
  EXPECT_THROW(init::sparse({10}, 0.1), ShapeError);
  EXPECT_THROW(init::sparse({10, 10}, 1.5), UsageError);
}

TEST(Init, Identities) {
  EXPECT_EQ(values(init::eye({2, 3})), (std::vector<float>{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(values(init::ones({2})), (std::vector<float>{1, 1}));
  EXPECT_EQ(values(init::zeros({2})), (std::vector<float>{0, 0}));
  EXPECT_THROW(init::eye({2}), ShapeError);
  // Convolutions that change nothing: one group, and two of one channel each.
  EXPECT_EQ(values(init::dirac({3, 2, 3})), (std::vector<float>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(values(init::dirac({2, 1, 3}, 2)), (std::vector<float>{0, 1, 0, 0, 1, 0}));
  const Tensor x = rand({1, 2, 4, 4});
  EXPECT_TRUE(equal(conv2d(x, init::dirac({2, 2, 3, 3}), {}, {.padding = {1, 1}}), x));
  EXPECT_THROW(init::dirac({2, 2}), ShapeError);
  EXPECT_THROW(init::dirac({3, 2, 3}, 2), UsageError);
}

TEST(Init, TheSameSeedGivesTheSameNumbers) {
  const auto drawn = [] {
    manual_seed(6);
    std::vector<float> all = values(init::orthogonal({3, 4}));
    for (const Parameter& next : {init::sparse({3, 4}, 0.3), init::trunc_normal({3, 4}), init::xavier_normal({3, 4})}) {
      const auto x = values(next);
      all.insert(all.end(), x.begin(), x.end());
    }
    return all;
  };
  EXPECT_EQ(drawn(), drawn());
}

struct Classifier {
  Linear hidden{{.in = 4, .out = 6}};
  ArcFace head{{.in = 6, .classes = 3}};
};

TEST(Penalty, TrainableTensorsOfAModel) {
  Classifier model;
  EXPECT_EQ(trainable(model).size(), 3U);
  const auto weights = trainable(model, true);
  ASSERT_EQ(weights.size(), 2U);
  const Tensor penalty = l2_penalty(weights) + l1_penalty(weights);
  penalty.backward();
  EXPECT_TRUE(weights[0].gradient().defined());
  EXPECT_FALSE(model.hidden.bias.gradient().defined());
  EXPECT_EQ(l1_penalty(std::span<const Tensor>{}).item(), 0);
}

TEST(ArcFace, NamesAndShapes) {
  ArcFace head{{.in = 6, .classes = 3}};
  const auto fields = fields_of(head);
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields[0].name, "weight");
  EXPECT_EQ(head.weight.shape(), (Shape{3, 6}));
}

}  // namespace
}  // namespace joist
