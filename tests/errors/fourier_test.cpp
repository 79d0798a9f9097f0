// What Fourier transforms refuse, and identities that tie them to other functions.
#include <joist/joist.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(FourierErrors, WantComplexNumbers) {
  const Tensor x = zeros({4, 3});
  const auto refused = [&](const char* name, auto call) {
    expect_error<ShapeError>([&] { call(x); }, {name, "[4, 3]", "[..., 2]", "complex(x)"});
  };
  refused("fft", [](const Tensor& z) { fft(z); });
  refused("ifft", [](const Tensor& z) { ifft(z); });
  refused("irfft", [](const Tensor& z) { irfft(z); });
  refused("fft2", [](const Tensor& z) { fft2(z); });
  refused("ifft2", [](const Tensor& z) { ifft2(z); });
  refused("irfft2", [](const Tensor& z) { irfft2(z); });
  refused("real", [](const Tensor& z) { real(z); });
  refused("imag", [](const Tensor& z) { imag(z); });
  refused("complex_abs", [](const Tensor& z) { complex_abs(z); });
  refused("complex_angle", [](const Tensor& z) { complex_angle(z); });
  refused("complex_conj", [](const Tensor& z) { complex_conj(z); });
  refused("complex_mul", [](const Tensor& z) { complex_mul(z, z); });
  refused("complex_div", [](const Tensor& z) { complex_div(z, z); });
  refused("fftshift", [](const Tensor& z) { fftshift(z, {}, true); });
  expect_error<DtypeError>([] { rfft(tensor(std::vector<std::int64_t>{1, 2}, {2})); }, {"rfft", "int64"});
  expect_error<ShapeError>([] { complex(zeros({2}), zeros({3})); }, {"complex", "[2]", "[3]"});
}

TEST(FourierErrors, WantAxesAndLengths) {
  const Tensor z = zeros({4, 3, 2});
  expect_error<ShapeError>([&] { fft(z, {.axis = 2}); }, {"axis 2", "from -2 to 1", "without the last one"});
  expect_error<ShapeError>([&] { rfft(z, {.axis = -4}); }, {"axis -4", "from -3 to 2"});
  expect_error<UsageError>([&] { fft(z, {.n = 0}); }, {"length 0", "at least 1"});
  expect_error<ShapeError>([&] { fft(zeros({3, 0, 2})); }, {"length of 0", "fill with zeros"});
  expect_error<ShapeError>([&] { irfft(zeros({1, 2})); }, {"irfft", "length of 0"});
  expect_error<ShapeError>([&] { fft2(z, {.axes = {0, -2}}); }, {"axis -2", "twice"});
  expect_error<UsageError>([&] { fft2(z, {.size = {3}}); }, {"1 lengths for 2 axes"});
  expect_error<UsageError>([&] { rfft2(z, {.axes = {}}); }, {"no axes"});
  expect_error<UsageError>([&] { fftfreq(0); }, {"fftfreq", "n 0"});
  expect_error<UsageError>([&] { rfftfreq(3, 0); }, {"rfftfreq", "spacing"});
  expect_error<ShapeError>([&] { fftshift(z, {3}); }, {"fftshift", "axis 3"});
}

TEST(FourierErrors, OfConvolutions) {
  expect_error<ShapeError>([] { fft_convolve(zeros({2, 5}), zeros({3, 5})); }, {"fft_convolve", "[2]", "[3]"});
  expect_error<ShapeError>([] { fft_convolve(zeros({5}), zeros({0})); }, {"[5]", "[0]", "at least one"});
  expect_error<ShapeError>([] { fft_correlate2d(zeros({5}), zeros({2, 2})); }, {"planes"});
  const Tensor x = zeros({1, 4, 5, 5}), w = zeros({2, 4, 3, 3});
  expect_error<UnsupportedError>([&] { fft_conv2d(x, w, {}, {.groups = 2}); }, {"unsupported", "groups 2", "conv2d"});
  expect_error<UnsupportedError>([&] { fft_conv2d(x, w, {}, {.dilation = {2, 1}}); }, {"dilation [2, 1]"});
  expect_error<ShapeError>([&] { fft_conv2d(x, zeros({2, 3, 3, 3})); }, {"[1, 4, 5, 5]", "[2, 3, 3, 3]", "in = 4"});
  expect_error<ShapeError>([&] { fft_conv2d(x, zeros({2, 4, 6, 3})); }, {"within the padded input"});
  expect_error<ShapeError>([&] { fft_conv2d(x, w, zeros({3})); }, {"bias", "[3]"});
}

TEST(FourierErrors, OfShortTimeTransforms) {
  expect_error<ShapeError>([] { stft(zeros({10}), {}, {.n_fft = 16, .center = false}); }, {"[10]", "n_fft 16"});
  expect_error<UsageError>([] { stft(zeros({10}), {}, {.n_fft = 0}); }, {"n_fft 0"});
  expect_error<ShapeError>([] { stft(zeros({10}), zeros({5}), {.n_fft = 4}); }, {"window", "[5]", "[4]"});
  expect_error<ShapeError>([] { istft(zeros({4, 3, 2}), {}, {.n_fft = 4}); }, {"[4, 3, 2]", "[..., 3, frames, 2]"});
  expect_error<UsageError>([] { istft(zeros({3, 3, 2}), zeros({4}), {.n_fft = 4}); }, {"uncovered", "smaller hop"});
}

void expect_values(const Tensor& got, const std::vector<double>& wanted) {
  const auto values = contiguous(to(got, Dtype::float64)).value().to_vector<double>();
  ASSERT_EQ(values.size(), wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], 1e-7) << i;
}

TEST(Fourier, CountsFrequenciesAsNumPyDoes) {
  expect_values(fftfreq(5), {0, 0.2, 0.4, -0.4, -0.2});
  expect_values(fftfreq(4, 0.25), {0, 1, -2, -1});
  expect_values(rfftfreq(5), {0, 0.2, 0.4});
  expect_values(rfftfreq(6, 2), {0, 1.0 / 12, 2.0 / 12, 3.0 / 12});
  expect_values(fftshift(fftfreq(5)), {-0.4, -0.2, 0, 0.2, 0.4});
}

// numpy.convolve's and scipy.signal.correlate's examples.
TEST(Fourier, ConvolvesAndCorrelates) {
  const Tensor a = tensor(std::vector<double>{1, 2, 3}, {3}), b = tensor(std::vector<double>{0, 1, 0.5}, {3});
  expect_values(fft_convolve(a, b), {0, 1, 2.5, 4, 1.5});
  expect_values(fft_convolve(a, b, ConvolveMode::same), {1, 2.5, 4});
  expect_values(fft_convolve(a, b, ConvolveMode::valid), {2.5});
  expect_values(fft_correlate(a, b), {0.5, 2, 3.5, 3, 0});
  const Tensor longer = tensor(std::vector<double>{1, 2, 3, 4, 5}, {5});
  expect_values(fft_correlate(longer, b, ConvolveMode::valid), {2 + 1.5, 3 + 2, 4 + 2.5});
}

// A wave of three turns is one number at frequency 3.
TEST(Fourier, FindsAWave) {
  std::vector<double> wave;
  for (int i = 0; i < 12; ++i) wave.push_back(std::cos(2 * std::acos(-1.0) * 3 * i / 12));
  const auto size = contiguous(complex_abs(rfft(tensor(wave, {12})))).value().to_vector<double>();
  for (std::size_t k = 0; k < size.size(); ++k) EXPECT_NEAR(size[k], k == 3 ? 6 : 0, 1e-12) << k;
}

TEST(Fourier, ConvolutionIsConv2d) {
  manual_seed(3);
  const Tensor x = randn({2, 3, 23, 31}), w = randn({5, 3, 7, 4}), bias = randn({5});
  for (const auto& options : {ConvolutionOptions{}, ConvolutionOptions{.stride = {2, 3}, .padding = {3, 2}}}) {
    const Tensor direct = conv2d(x, w, bias, options), through = fft_conv2d(x, w, bias, options);
    EXPECT_TRUE(allclose(through, direct, 1e-5, 1e-4));
    EXPECT_EQ(through.shape(), direct.shape());
  }
}

TEST(Fourier, LongPrimeLengthsAreAsExact) {
  manual_seed(5);
  const Tensor x = randn({2, 10007});
  EXPECT_TRUE(allclose(irfft(rfft(x), {.n = 10007}), x, 1e-5, 1e-6));
}

}  // namespace
}  // namespace joist
