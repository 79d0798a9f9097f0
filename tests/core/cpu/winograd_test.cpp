// Winograd's convolution against direct sums, on every instruction set: the same numbers, and an error that stays
// within 4 times that of oneDNN's direct convolution, both measured against sums in double.
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/winograd.h>
#include <joist/core/threads.h>
#include <joist/tests/core/cpu/arrays.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::doubled;
using testing::Layout;

struct Case {
  std::int64_t batch, in, out, height, width;
  Shape padding{1, 1};

  Shape x() const { return {batch, in, height, width}; }
  Shape w() const { return {out, in, 3, 3}; }
  Shape y() const { return {batch, out, height + 2 * padding[0] - 2, width + 2 * padding[1] - 2}; }
  ConvolutionOptions options() const { return {.padding = padding}; }
  std::string name() const { return x().text() + " * " + w().text() + " padding " + padding.text(); }
};

const Case cases[] = {{2, 32, 32, 8, 8},
                      {2, 64, 48, 9, 13},
                      {3, 33, 67, 7, 10},
                      {3, 40, 32, 12, 11, {0, 0}},
                      {2, 32, 40, 6, 9, {2, 2}},
                      {2, 35, 35, 10, 12, {0, 2}},
                      {3, 96, 96, 15, 15},
                      {8, 64, 160, 7, 7},
                      {2, 64, 64, 14, 14},
                      // large enough for tiles of 4x4 results
                      {4, 33, 40, 30, 31},
                      {16, 64, 48, 14, 17},
                      {5, 128, 64, 20, 20, {2, 0}}};

Array noise(const Shape& shape, std::uint32_t seed, Layout layout = Layout::channels_last) {
  return testing::random_array(shape, seed, layout);
}

double largest_error(const Array& value, const Array& wanted) {
  double largest = 0;
  for_each_index(wanted.shape(), [&](const Shape& i) {
    const double difference = testing::at(value, i) - wanted.data<double>()[offset_of(i, wanted.strides())];
    largest = std::isnan(difference) ? 1e30 : std::max(largest, std::fabs(difference));
  });
  return largest;
}

// The largest errors of the fast and the direct way; both start from NaN.
struct Errors {
  double fast, direct;
};
Errors errors(const Array& memory, const Array& wanted, const std::function<void(const Array&)>& fast,
              const std::function<void(const Array&)>& direct) {
  Errors found{};
  for (const auto& [run, error] : {std::pair{&fast, &found.fast}, {&direct, &found.direct}}) {
    testing::filled(memory, [] { return std::nan(""); });
    (*run)(memory);
    *error = largest_error(memory, wanted);
  }
  return found;
}

Array picture(const Shape& shape) { return testing::empty_in(Layout::channels_last, shape); }

TEST(Winograd, ErrorIsWithinFourTimesThatOfDirectSums) {
  const Kernels& exact = double_kernels();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name());
    const ConvolutionOptions options = c.options();
    ASSERT_TRUE(winograd::pays(c.x(), c.w(), c.y(), Dtype::float32, options));
    const Array x = noise(c.x(), 1), w = noise(c.w(), 2, Layout::row_major), dy = noise(c.y(), 3),
                bias = noise({c.out}, 4, Layout::row_major);
    const Array y = Array::empty(c.y(), Dtype::float64), dx = Array::empty(c.x(), Dtype::float64),
                dw = Array::empty(c.w(), Dtype::float64);
    exact.convolution.forward(doubled(x), doubled(w), doubled(bias), options, {y});
    exact.convolution.backward_input(doubled(dy), doubled(w), options, {dx});
    exact.convolution.backward_weight(doubled(x), doubled(dy), options, {dw}, {});
    testing::for_each_instruction_set([&] {
      const auto check = [](const char* what, const Errors& e) {
        EXPECT_LE(e.fast, 4 * e.direct) << what << ": " << e.fast << " by Winograd, " << e.direct << " by direct sums";
      };
      check("y", errors(
                     picture(c.y()), y, [&](const Array& to) { winograd::forward(x, w, bias, options, {to}); },
                     [&](const Array& to) { onednn::convolution(x, w, bias, options, {to}); }));
      check("dx", errors(
                      picture(c.x()), dx, [&](const Array& to) { winograd::backward_input(dy, w, options, {to}); },
                      [&](const Array& to) { onednn::convolution_backward_input(dy, w, options, to); }));
      check("dw",
            errors(
                Array::empty(c.w()), dw, [&](const Array& to) { winograd::backward_weight(x, dy, options, {to}); },
                [&](const Array& to) { onednn::convolution_backward_weight(x, dy, options, {to}, {}); }));
    });
  }
}

class WinogradSize : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Winograd, WinogradSize, ::testing::Values(Case{2, 32, 48, 9, 10}, Case{4, 33, 48, 30, 31}));

TEST_P(WinogradSize, AddsToWhatIsThere) {
  const Case& c = GetParam();
  const ConvolutionOptions options = c.options();
  const Array x = noise(c.x(), 1), w = noise(c.w(), 2, Layout::row_major), dy = noise(c.y(), 3);
  testing::for_each_instruction_set([&] {
    const auto check = [](const Array& plain, const Array& sum, const std::function<void(const Out&)>& run) {
      run({plain});
      testing::filled(sum, [] { return 3; });
      run({sum, true});
      testing::expect_close(
          sum, [&](const Shape& i) { return testing::at(plain, i) + 3; }, 0, 2e-5);
    };
    check(picture(c.y()), picture(c.y()), [&](const Out& to) { winograd::forward(x, w, {}, options, to); });
    check(picture(c.x()), picture(c.x()), [&](const Out& to) { winograd::backward_input(dy, w, options, to); });
    check(Array::empty(c.w()), Array::empty(c.w()),
          [&](const Out& to) { winograd::backward_weight(x, dy, options, to); });
  });
}

TEST_P(WinogradSize, PicturesDoNotDependOnTheNumberOfThreads) {
  const Case& c = GetParam();
  const Array x = noise(c.x(), 1), w = noise(c.w(), 2, Layout::row_major);
  const int before = threads();
  std::vector<float> wanted;
  for (const int count : {1, 2, 3, 5}) {
    set_threads(count);
    const Array y = picture(c.y());
    winograd::forward(x, w, {}, c.options(), {y});
    if (wanted.empty()) wanted = y.to_vector<float>();
    EXPECT_EQ(y.to_vector<float>(), wanted) << count << " threads";
  }
  set_threads(before);
}

TEST(Winograd, OtherConvolutionsAreLeftAlone) {
  const Shape x{4, 64, 16, 16}, w{64, 64, 3, 3}, y{4, 64, 16, 16};
  const auto pays = [&](ConvolutionOptions options, Dtype dtype = Dtype::float32) {
    return winograd::pays(x, w, y, dtype, options);
  };
  EXPECT_TRUE(pays({.padding = {1, 1}}));
  EXPECT_FALSE(pays({.stride = {2, 1}, .padding = {1, 1}}));
  EXPECT_FALSE(pays({.padding = {2, 2}, .dilation = {2, 2}}));
  EXPECT_FALSE(pays({.padding = {1, 1}, .groups = 2}));
  EXPECT_FALSE(pays({.padding = {3, 1}}));
  EXPECT_FALSE(pays({.padding = {1, 1}}, Dtype::bfloat16));
  EXPECT_FALSE(winograd::pays(x, {64, 64, 1, 1}, y, Dtype::float32, {}));
  EXPECT_FALSE(winograd::pays(x, {8, 64, 3, 3}, {4, 8, 16, 16}, Dtype::float32, {.padding = {1, 1}}));
}

}  // namespace
}  // namespace joist
