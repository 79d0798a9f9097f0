// Products and convolutions of float32 numbers by tiles of bfloat16 numbers: errors within those of float32 sums
// (oneDNN's), both measured against sums in double; what is infinite, NaN, huge or tiny. Skips where the processor has
// no tiles.
#include <joist/core/cpu/half_tiles.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/split_convolution.h>
#include <joist/core/cpu/tile_product.h>
#include <joist/core/threads.h>
#include <joist/tests/core/cpu/arrays.h>

#include <functional>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::doubled;
using testing::Layout;

class Split : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!tiles::exist()) GTEST_SKIP() << "this processor has no AMX, or the operating system does not let joist use it";
  }
};

Array noise(const Shape& shape, std::uint32_t seed, Layout layout = Layout::row_major) {
  return testing::random_array(shape, seed, layout);
}

// Root of the mean square of the differences; infinite where one is NaN.
double error(const Array& value, const Array& wanted) {
  double sum = 0;
  for_each_index(wanted.shape(), [&](const Shape& i) {
    const double difference = testing::at(value, i) - wanted.data<double>()[offset_of(i, wanted.strides())];
    sum += std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference * difference;
  });
  return std::sqrt(sum / static_cast<double>(wanted.elements()));
}

void expect_no_worse(const char* what, const Array& value, const Array& direct, const Array& wanted) {
  const double split = error(value, wanted), plain = error(direct, wanted);
  EXPECT_LE(split, plain) << what << ": " << split << " by tiles, " << plain << " by float32 sums";
  EXPECT_GT(split, 0) << what;
}

TEST_F(Split, ProductsAreAsExactAsFloat32) {
  struct Case {
    std::int64_t m, k, n;
  };
  for (const Case& c : {Case{64, 64, 64}, {96, 33, 40}, {257, 700, 130}, {130, 2100, 48}, {49, 128, 1100}})
    for (const bool a_turned : {false, true})
      for (const bool b_turned : {false, true}) {
        SCOPED_TRACE(::testing::Message() << c.m << "x" << c.k << "x" << c.n << " " << a_turned << b_turned);
        const Array a = a_turned ? noise({c.k, c.m}, 1).transposed() : noise({c.m, c.k}, 1);
        const Array b = b_turned ? noise({c.n, c.k}, 2).transposed() : noise({c.k, c.n}, 2), bias = noise({c.n}, 3);
        const Array wanted = Array::empty({c.m, c.n}, Dtype::float64);
        double_kernels().matmul.product(doubled(a), doubled(b), doubled(bias), {wanted});
        const Array y = Array::empty({c.m, c.n}), direct = Array::empty({c.m, c.n});
        testing::filled(y, [] { return std::nan(""); });
        ASSERT_TRUE(tile_product(a, b, bias, {y}, 1));
        onednn::matmul(a, b, bias, {direct});
        expect_no_worse("y", y, direct, wanted);
        const Array sum = testing::filled(Array::empty({c.m, c.n}), [] { return 2; });
        const Array plain = Array::empty({c.m, c.n});
        ASSERT_TRUE(tile_product(a, b, {}, {plain}, 1));
        ASSERT_TRUE(tile_product(a, b, {}, {sum, true}, 1));
        testing::expect_close(
            sum, [&](const Shape& i) { return testing::at(plain, i) + 2; }, 1e-6, 1e-5);
      }
}

struct Pictures {
  std::int64_t batch, in, out, height, width, kernel, stride, padding;

  Shape x() const { return {batch, in, height, width}; }
  Shape w() const { return {out, in, kernel, kernel}; }
  Shape y() const {
    const auto length = [&](std::int64_t of) { return (of + 2 * padding - kernel) / stride + 1; };
    return {batch, out, length(height), length(width)};
  }
  ConvolutionOptions options() const { return {.stride = {stride, stride}, .padding = {padding, padding}}; }
};

const Pictures pictures[] = {{8, 16, 32, 20, 23, 3, 2, 1}, {9, 32, 16, 13, 9, 3, 1, 1},  {7, 48, 80, 17, 21, 3, 2, 0},
                             {4, 32, 48, 46, 38, 5, 3, 2}, {2, 16, 16, 40, 37, 3, 1, 2}, {6, 64, 48, 16, 24, 2, 2, 0},
                             {2, 16, 32, 33, 33, 4, 1, 1}};

Array picture(const Shape& shape) {
  return testing::filled(testing::empty_in(Layout::channels_last, shape), [] { return std::nan(""); });
}

TEST_F(Split, ConvolutionsAreAsExactAsFloat32) {
  for (const Pictures& c : pictures) {
    SCOPED_TRACE(c.x().text() + " * " + c.w().text() + " / " + std::to_string(c.stride));
    const ConvolutionOptions options = c.options();
    ASSERT_TRUE(split_convolution::pays(c.x(), c.w(), c.y(), Dtype::float32, options));
    const Array x = noise(c.x(), 1, Layout::channels_last), w = noise(c.w(), 2), bias = noise({c.out}, 3);
    const Array dy = noise(c.y(), 4, Layout::channels_last);
    const Array y = Array::empty(c.y(), Dtype::float64), dx = Array::empty(c.x(), Dtype::float64);
    const Kernels& exact = double_kernels();
    exact.convolution.forward(doubled(x), doubled(w), doubled(bias), options, {y});
    exact.convolution.backward_input(doubled(dy), doubled(w), options, {dx});
    const Array split = picture(c.y()), direct = picture(c.y());
    split_convolution::forward(x, w, bias, options, {split});
    onednn::convolution(x, w, bias, options, {direct});
    expect_no_worse("y", split, direct, y);
    const Array split_dx = picture(c.x()), direct_dx = picture(c.x());
    split_convolution::backward_input(dy, w, options, {split_dx});
    onednn::convolution_backward_input(dy, w, options, direct_dx);
    expect_no_worse("dx", split_dx, direct_dx, dx);
    const Array sum = testing::filled(picture(c.x()), [] { return 3; });
    split_convolution::backward_input(dy, w, options, {sum, true});
    testing::expect_close(
        sum, [&](const Shape& i) { return testing::at(split_dx, i) + 3; }, 1e-6, 1e-5);
  }
}

TEST_F(Split, PicturesDoNotDependOnTheNumberOfThreads) {
  const Pictures& c = pictures[0];
  const Array x = noise(c.x(), 1, Layout::channels_last), w = noise(c.w(), 2);
  const int before = threads();
  std::vector<float> wanted;
  for (const int count : {1, 2, 3, 5}) {
    set_threads(count);
    const Array y = picture(c.y());
    split_convolution::forward(x, w, {}, c.options(), {y});
    if (wanted.empty()) wanted = y.to_vector<float>();
    EXPECT_EQ(y.to_vector<float>(), wanted) << count << " threads";
  }
  set_threads(before);
}

// Windows of 3 x 16 channels are filled up to 64 by the next pixel's, times zero: that must not make NaN of infinities.
TEST_F(Split, InfinitiesStayInTheirWindows) {
  const Pictures c{2, 16, 16, 24, 24, 3, 1, 1};
  const Array x = noise(c.x(), 1, Layout::channels_last), w = noise(c.w(), 2),
              dy = noise(c.y(), 3, Layout::channels_last);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Array& broken : {x, dy}) broken.data<float>()[offset_of({1, 3, 11, 12}, broken.strides())] = infinity;
  const auto check = [&](const Array& result) {
    for_each_index(result.shape(), [&](const Shape& i) {
      const bool meets = i[0] == 1 && std::abs(i[2] - 11) <= 1 && std::abs(i[3] - 12) <= 1;
      EXPECT_EQ(std::isinf(testing::at(result, i)), meets) << i.text();
      EXPECT_FALSE(std::isnan(testing::at(result, i))) << i.text();
    });
  };
  const Array y = picture(c.y()), dx = picture(c.x());
  split_convolution::forward(x, w, {}, c.options(), {y});
  check(y);
  split_convolution::backward_input(dy, w, c.options(), {dx});
  check(dx);
}

// Where a or b has them, sums are those of a plain loop.
TEST_F(Split, UnusualNumbersAreThoseOfFloat32) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::nanf(""),
              largest = std::numeric_limits<float>::max();
  for (const float number : {infinity, -infinity, nan, largest, -largest, 0x1.FEFFFEp127F, 0x1.FF0002p127F, 3e38F,
                             1e-30F, -0.0F, 16777217.0F, 0x1.FFFFFEp0F, 1e-20F})
    for (const bool in_a : {false, true}) {
      SCOPED_TRACE(::testing::Message() << number << (in_a ? " in a" : " in b"));
      const Array a = testing::filled(Array::empty({96, 700}), testing::Numbers(1));
      const Array b = testing::filled(Array::empty({700, 80}), testing::Numbers(2));
      (in_a ? a.data<float>()[40 * 700 + 650] : b.data<float>()[650 * 80 + 40]) = number;
      const Array y = Array::empty({96, 80});
      ASSERT_TRUE(tile_product(a, b, {}, {y}, 1));
      for_each_index(y.shape(), [&](const Shape& i) {
        double sum = 0;
        for (std::int64_t k = 0; k < 700; ++k) sum += testing::at(a, {i[0], k}) * testing::at(b, {k, i[1]});
        const auto wanted = static_cast<float>(sum);
        const double got = testing::at(y, i);
        if (std::isnan(wanted))
          EXPECT_TRUE(std::isnan(got)) << i.text();
        else if (std::isinf(wanted))
          EXPECT_EQ(got, wanted) << i.text();
        else
          EXPECT_NEAR(got, wanted, 1e-4 + 1e-6 * std::fabs(wanted)) << i.text();
      });
    }
}

}  // namespace
}  // namespace joist
