// Products in bfloat16: the numbers of rounding the operands, and where it happens.
#include <joist/core/half.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <array>
#include <bit>
#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Random random({.seed = seed, .stream = Stream::test});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}
Tensor filled(const Shape& shape, std::uint64_t seed, float largest = 1) {
  std::vector<float> values = random_values(shape.elements(), seed);
  for (float& value : values) value *= largest;
  return Tensor::from(values, shape, true);
}
// What bfloat16 operands would give with exact sums.
Tensor rounded(const Tensor& x) {
  std::vector<float> values = x.value().to_vector<float>();
  for (float& value : values) value = static_cast<float>(BFloat16(value));
  return Tensor::from(values, x.shape(), true);
}
void expect_close(const Array& got, const Array& wanted, double tolerance) {
  ASSERT_EQ(got.shape(), wanted.shape());
  ASSERT_EQ(got.dtype(), Dtype::float32);
  const auto a = got.to_vector<float>(), b = wanted.to_vector<float>();
  double largest = 0;
  for (const float value : b) largest = std::max(largest, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * largest) << "element " << i;
}

// The result is rounded to bfloat16 (8 bits): half a unit of the largest magnitude and a little for sums.
constexpr double unit = 1.0 / 256;

template <class Function>
void check(const Function& function, const std::vector<Tensor>& inputs, double tolerance = unit) {
  std::vector<Tensor> exact;
  for (const Tensor& input : inputs) exact.push_back(rounded(input));
  const Tensor wanted = function(exact);
  Tensor got;
  {
    const Autocast autocast;
    got = function(inputs);
  }
  EXPECT_EQ(got.dtype(), Dtype::float32);
  expect_close(got.value(), wanted.value(), tolerance);
  const Array seed = rounded(filled(got.shape(), 99)).value();
  got.backward(seed);
  wanted.backward(seed);
  for (std::size_t i = 0; i < inputs.size(); ++i) expect_close(inputs[i].gradient(), exact[i].gradient(), tolerance);
}

TEST(Autocast, ProductsRoundTheirOperands) {
  check([](auto t) { return matmul(t[0], t[1]); }, {filled({17, 33}, 1), filled({33, 9}, 2)});
  check([](auto t) { return matmul(t[0], t[1]); }, {filled({3, 5, 16}, 1), filled({16, 8}, 2)});
  check([](auto t) { return matmul(transpose(t[0], 0, 1), t[1]); }, {filled({33, 17}, 1), filled({33, 9}, 2)});
  check([](auto t) { return linear(t[0], t[1], t[2]); }, {filled({6, 33}, 3), filled({10, 33}, 4), filled({10}, 5)});
}

// Rows, columns and factors that fill no tile and no block of tiles, more than one block of each, every way to lie, and
// gradients that add up.
TEST(Autocast, LargeProducts) {
  for (const auto& [rows, depth, columns] :
       {std::array<std::int64_t, 3>{64, 32, 32}, {70, 100, 50}, {129, 33, 17}, {65, 2100, 75}, {97, 66, 1500}}) {
    check([](auto t) { return matmul(t[0], t[1]); }, {filled({rows, depth}, 1), filled({depth, columns}, 2)});
    check([](auto t) { return matmul(transpose(t[0], 0, 1), transpose(t[1], 0, 1)); },
          {filled({depth, rows}, 1), filled({columns, depth}, 2)});
    check([](auto t) { return linear(t[0], t[1], t[2]); },
          {filled({rows, depth}, 3), filled({columns, depth}, 4), filled({columns}, 5)});
    check([](auto t) { return linear(t[0], t[1], t[2]) + linear(t[0] * 0.5, t[1]); },
          {filled({rows, depth}, 3), filled({columns, depth}, 4), filled({columns}, 5)});
  }
}

TEST(Autocast, ConvolutionsToo) {
  check(
      [](auto t) {
        return conv2d(t[0], t[1], t[2], {.padding = {1, 1}});
      },
      {filled({2, 5, 9, 7}, 1), filled({8, 5, 3, 3}, 2), filled({8}, 3)});
  check(
      [](auto t) {
        return conv2d(t[0], t[1], {}, {.stride = {2, 2}});
      },
      {filled({2, 8, 9, 7}, 1), filled({16, 8, 1, 1}, 2)});
}

// Channels that fill no tile, and enough pixels that threads share them.
TEST(Autocast, ConvolutionsOfSinglePixels) {
  const auto convolved = [](const Tensor& x, const Tensor& w, const Tensor& bias) {
    return conv2d(contiguous(x, Order::channels_last), w, bias);
  };
  for (const auto& [in, out] : {std::array<std::int64_t, 2>{40, 70}, {16, 24}, {33, 200}, {8, 5}}) {
    const auto inputs = [in = in, out = out](const Shape& x) {
      return std::vector<Tensor>{filled(x.with(1, in), 1), filled({out, in, 1, 1}, 2), filled({out}, 3)};
    };
    check([&](auto t) { return convolved(t[0], t[1], t[2]); }, inputs({2, 0, 9, 7}));
    check([&](auto t) { return convolved(t[0], t[1], t[2]) + convolved(t[0], t[1] * 0.5, {}); }, inputs({2, 0, 9, 7}));
    check([&](auto t) { return convolved(t[0], t[1], t[2]); }, inputs({2, 0, 65, 33}));
  }
}

TEST(Autocast, AttentionStaysFloat32) {
  const Tensor q = filled({2, 3, 5, 8}, 1), k = filled({2, 3, 7, 8}, 2), v = filled({2, 3, 7, 4}, 3);
  const auto attend = [&] { return scaled_dot_product_attention(q, k, v).value().to_vector<float>(); };
  const std::vector<float> exact = attend();
  const Autocast autocast;
  EXPECT_EQ(attend(), exact);
}

// Sizes that fill no tile (of 16 rows, 16 columns, 32 factors), more than one, and sequences that end early. States are
// rounded in each of the steps; weights are as small as those of a layer, or five steps would multiply that.
TEST(Autocast, RecurrentLayersToo) {
  const auto weights = [](auto t) { return std::vector<RecurrentWeights>{{t[1], t[2], t[3], t[4], {}}}; };
  for (const auto& [batch, in, hidden] :
       {std::array<std::int64_t, 3>{3, 5, 7}, {17, 8, 33}, {33, 20, 48}, {65, 40, 64}})
    for (const bool ends : {false, true}) {
      std::vector<std::int64_t> counts(static_cast<std::size_t>(batch), 5);
      for (std::size_t i = 0; ends && i < counts.size(); ++i) counts[i] = 5 - static_cast<std::int64_t>(i) % 5;
      const Tensor lengths = ends ? Tensor(Array::from(counts, {batch})) : Tensor();
      const auto inputs = [&, in = in, hidden = hidden](std::int64_t gates) {
        const float largest = 1 / std::sqrt(static_cast<float>(hidden));
        return std::vector<Tensor>{filled({5, batch, in}, 1), filled({gates * hidden, in}, 2, largest),
                                   filled({gates * hidden, hidden}, 3, largest), filled({gates * hidden}, 4, largest),
                                   filled({gates * hidden}, 5, largest)};
      };
      check([&](auto t) { return lstm(t[0], weights(t), {}, {}, lengths).output; }, inputs(4), 2 * unit);
      check([&](auto t) { return gru(t[0], weights(t), {}, lengths).output; }, inputs(3), 2 * unit);
      check([&](auto t) { return rnn_tanh(t[0], weights(t), {}, lengths).output; }, inputs(1), 2 * unit);
    }
}

TEST(Autocast, RecurrentLayersOfOtherKindsStayFloat32) {
  const std::vector<RecurrentWeights> weights{
      {filled({12, 4}, 1), filled({12, 2}, 2), filled({12}, 3), filled({12}, 4), filled({2, 3}, 5)}};
  const Tensor x = filled({3, 2, 4}, 6);
  const auto run = [&] { return lstm(x, weights).output.value(); };
  const Array exact = run();
  const Autocast autocast;
  expect_close(run(), exact, 4 * unit);
}

// Rounding and widening by registers are those of one number, whatever the bits and however many there are.
TEST(Autocast, RoundsLikeOneNumber) {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000; ++high)
    for (const std::uint32_t low : {0x0U, 0x1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU})
      values.push_back(std::bit_cast<float>(high << 16 | low));
  for (const std::size_t count : {values.size(), std::size_t{1}, std::size_t{15}, std::size_t{33}}) {
    const Tensor x = Tensor::from(std::vector<float>(values.end() - static_cast<std::ptrdiff_t>(count), values.end()),
                                  {static_cast<std::int64_t>(count)});
    const Tensor half = to(x, Dtype::bfloat16);
    const BFloat16* const got = half.value().data<BFloat16>();
    const auto wide = to(half, Dtype::float32).value().to_vector<float>();
    for (std::size_t i = 0; i < count; ++i) {
      const BFloat16 wanted(values[values.size() - count + i]);
      ASSERT_EQ(got[i].bits, wanted.bits) << i;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(wide[i]), std::uint32_t{wanted.bits} << 16) << i;
    }
  }
}

TEST(Autocast, LeavesEverythingElseAndOtherTypesAlone) {
  const Autocast autocast;
  const Tensor x = filled({4, 4}, 1);
  EXPECT_EQ((x * 1.0009765625).value().to_vector<float>()[3], x.value().to_vector<float>()[3] * 1.0009765625F);
  const Tensor picture = filled({2, 8, 9, 7}, 1), kernels = filled({8, 2, 3, 3}, 2);
  const auto grouped = [&] { return conv2d(picture, kernels, {}, {.groups = 4}).value().to_vector<float>(); };
  const std::vector<float> cast = grouped();
  {
    const Autocast off(false);
    EXPECT_EQ(cast, grouped());
  }
  const Tensor wide = to(x, Dtype::float64);
  EXPECT_EQ(matmul(wide, wide).dtype(), Dtype::float64);
  EXPECT_TRUE(Autocast::active());
  {
    const Autocast off(false);
    const Tensor a = Tensor::from({1.0009765625F}, {1, 1}), b = Tensor::from({1}, {1, 1});
    EXPECT_EQ(matmul(a, b).item(), 1.0009765625);
  }
  const Tensor a = Tensor::from({1.0009765625F}, {1, 1}), b = Tensor::from({1}, {1, 1});
  EXPECT_EQ(matmul(a, b).item(), 1.0);
}

TEST(Autocast, ErrorsStayThoseOfTheOperation) {
  const Autocast autocast;
  EXPECT_THROW(matmul(Tensor::zeros({2, 3}), Tensor::zeros({2, 3})), ShapeError);
}

TEST(Autocast, EmptyProducts) {
  const Autocast autocast;
  EXPECT_EQ(matmul(Tensor::zeros({0, 3}), Tensor::zeros({3, 2})).shape(), (Shape{0, 2}));
  EXPECT_EQ(sum(matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 2}))).item(), 0);
}

}  // namespace
}  // namespace joist
