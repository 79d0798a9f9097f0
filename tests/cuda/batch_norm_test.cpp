// ctest: TIMEOUT 240 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Batch normalization on the emulator beside plain loops in double: numbers of channels that 16 bytes divide and
// others, few and many places, all element types, results that are added to, pictures that do not begin at 16 bytes.
#include <joist/core/random.h>
#include <joist/core/transfer.h>
#include <joist/cuda/batch_norm.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/kernels.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

using Numbers = std::vector<double>;

struct Setting {
  Dtype dtype = Dtype::float32;
  std::int64_t batch = 2, channels = 8, height = 3, width = 5;
  Unary activation{};
  bool adds = false;   ///< results are added to what is there
  bool fixed = false;  ///< statistics are constants
  double middle = 0;
  bool shifted = false;     ///< pictures begin one element behind a multiple of 16 bytes
  std::int64_t gap = 0;     ///< channels of others between the places
  std::int64_t blocks = 0;  ///< that share the places; 0: as ever

  Shape shape() const { return {batch, channels, height, width}; }
  std::int64_t of_vector() const { return dtype == Dtype::float32 ? 4 : 8; }
  bool by_vectors() const { return channels % of_vector() == 0 && gap % of_vector() == 0 && !shifted; }
  double precision() const { return dtype == Dtype::float32 ? 1e-5 : dtype == Dtype::float16 ? 0x1p-11 : 0x1p-8; }
};

/// Channels innermost, on the GPU, and what it holds in row-major order.
class Pictures {
 public:
  Pictures(const Setting& setting, std::uint32_t seed, double low, double high) {
    Random random({.seed = seed, .stream = Stream::test});
    const Array drawn = Array::empty(setting.shape());
    std::generate_n(drawn.data<float>(), drawn.elements(),
                    [&] { return random.uniform(static_cast<float>(low), static_cast<float>(high)); });
    const std::int64_t step = setting.channels + setting.gap;
    const Array typed = Array::empty({drawn.elements() / setting.channels * step + 1}, setting.dtype);
    kernels(cpu, Dtype::float32).elementwise.fill(0, typed);
    const Shape strides{step * setting.height * setting.width, 1, step * setting.width, step};
    const std::int64_t offset = setting.shifted ? 1 : 0;
    kernels(cpu, Dtype::float32).elementwise.copy(drawn, {typed.strided(setting.shape(), strides, offset)});
    array = on_device(typed, gpu).strided(setting.shape(), strides, offset);
    numbers = read();
  }
  Numbers read() const {
    const Array wide = Array::empty(array.shape(), Dtype::float32, gpu);
    cuda_kernels().elementwise.copy(array, {wide});
    const std::vector<float> got = wide.to_vector<float>();
    return {got.begin(), got.end()};
  }
  /// Whether nobody wrote between the places.
  bool gaps_are_zero(const Setting& setting) const {
    if (setting.gap == 0) return true;
    const Array others = array.strided(setting.shape().with(1, setting.gap), array.strides(), setting.channels),
                wide = Array::empty(others.shape(), Dtype::float32, gpu);
    cuda_kernels().elementwise.copy(others, {wide});
    const std::vector<float> got = wide.to_vector<float>();
    return std::all_of(got.begin(), got.end(), [](float x) { return x == 0; });
  }
  Array array{};
  Numbers numbers{};
};

class Vector {
 public:
  Vector(std::int64_t length, std::uint32_t seed, float low, float high) {
    Random random({.seed = seed, .stream = Stream::test});
    std::vector<float> drawn(static_cast<std::size_t>(length));
    std::generate(drawn.begin(), drawn.end(), [&] { return random.uniform(low, high); });
    array = Array::from(drawn, {length}, gpu);
    numbers.assign(drawn.begin(), drawn.end());
  }
  Numbers read() const {
    const std::vector<float> got = array.to_vector<float>();
    return {got.begin(), got.end()};
  }
  Array array{};
  Numbers numbers{};
};

void expect_near(const Numbers& got, const Numbers& wanted, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), wanted.size());
  double largest = 1;
  for (const double number : wanted) largest = std::max(largest, std::abs(number));
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], wanted[i], tolerance * largest) << what << ", element " << i;
}

/// The layer in double.
struct Wanted {
  Numbers mean, inverse, variance, y, dx, dgamma, dbeta;
  Wanted(const Setting& s, const Pictures& x, const Pictures& dy, const Vector& gamma, const Vector& beta)
      : y(x.numbers.size()), dx(x.numbers.size()) {
    const std::int64_t area = s.height * s.width;
    const double n = static_cast<double>(s.batch * area);
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const auto each = [&](const auto& work) {
        for (std::int64_t b = 0; b < s.batch; ++b)
          for (std::int64_t i = 0; i < area; ++i) work(static_cast<std::size_t>((b * s.channels + c) * area + i));
      };
      double sum = 0, squares = 0, slopes = 0, products = 0;
      each([&](std::size_t i) { sum += x.numbers[i]; });
      const double middle = sum / n;
      each([&](std::size_t i) { squares += (x.numbers[i] - middle) * (x.numbers[i] - middle); });
      const double scale = 1 / std::sqrt(squares / n + 1e-5), factor = gamma.numbers[static_cast<std::size_t>(c)],
                   shift = beta.numbers[static_cast<std::size_t>(c)];
      const auto dz = [&](std::size_t i) {
        const double z = factor * (x.numbers[i] - middle) * scale + shift;
        return dy.numbers[i] * std::visit([&](const auto& f) { return scalar::slope(f, z); }, s.activation);
      };
      each([&](std::size_t i) {
        const double z = factor * (x.numbers[i] - middle) * scale + shift;
        y[i] = std::visit([&](const auto& f) { return scalar::value(f, z); }, s.activation);
        slopes += dz(i);
        products += dz(i) * (x.numbers[i] - middle) * scale;
      });
      each([&](std::size_t i) {
        const double through = s.fixed ? 0 : (slopes + (x.numbers[i] - middle) * scale * products) / n;
        dx[i] = factor * scale * (dz(i) - through);
      });
      mean.push_back(middle);
      inverse.push_back(scale);
      variance.push_back(squares / (n - 1));
      dgamma.push_back(products);
      dbeta.push_back(slopes);
    }
  }
};

Numbers plus(Numbers numbers, const Numbers& others, bool adds) {
  for (std::size_t i = 0; adds && i < numbers.size(); ++i) numbers[i] += others[i];
  return numbers;
}

void check(const Setting& s) {
  SCOPED_TRACE(std::string(name_of(s.dtype)) + " " + s.shape().text() + (s.adds ? " added" : "") +
               (s.shifted ? " shifted" : "") + " gap " + std::to_string(s.gap) + " blocks " + std::to_string(s.blocks));
  const std::int64_t before = most_batch_norm_blocks();
  if (s.blocks > 0) most_batch_norm_blocks() = s.blocks;
  const Pictures x(s, 1, s.middle - 2, s.middle + 2), dy(s, 2, -1, 1), y(s, 3, -1, 1), dx(s, 4, -1, 1);
  const Vector gamma(s.channels, 5, 0.5F, 1.5F), beta(s.channels, 6, -1, 1), mean(s.channels, 7, 5, 6),
      inverse(s.channels, 8, 5, 6), running_mean(s.channels, 9, -1, 1), running_variance(s.channels, 10, 1, 2),
      dgamma(s.channels, 11, -1, 1), dbeta(s.channels, 12, -1, 1);
  EXPECT_EQ(channels_in_vectors({&x.array, &dy.array, &dx.array}), s.by_vectors());
  const BatchNormOptions options{.activation = s.activation};
  const Wanted wanted(s, x, dy, gamma, beta);

  const auto& table = cuda_kernels().batch_norm;
  table.train(x.array, gamma.array, beta.array, options, running_mean.array, running_variance.array, {y.array, s.adds},
              mean.array, inverse.array);
  table.backward(x.array, dy.array, gamma.array, beta.array, mean.array, inverse.array, options, s.fixed,
                 {dx.array, s.adds}, {dgamma.array, s.adds}, {dbeta.array, s.adds});
  most_batch_norm_blocks() = before;
  expect_near(mean.read(), wanted.mean, 2e-7, "mean");
  expect_near(inverse.read(), wanted.inverse, 2e-6, "inverse deviation");
  Numbers moved_mean = running_mean.numbers, moved_variance = running_variance.numbers;
  for (std::size_t c = 0; c < moved_mean.size(); ++c) {
    moved_mean[c] += 0.1 * (wanted.mean[c] - moved_mean[c]);
    moved_variance[c] += 0.1 * (wanted.variance[c] - moved_variance[c]);
  }
  expect_near(running_mean.read(), moved_mean, 1e-6, "running mean");
  expect_near(running_variance.read(), moved_variance, 2e-6, "running variance");
  expect_near(y.read(), plus(wanted.y, y.numbers, s.adds), s.precision(), "y");
  EXPECT_TRUE(y.gaps_are_zero(s) && dx.gaps_are_zero(s));
  expect_near(dx.read(), plus(wanted.dx, dx.numbers, s.adds), s.precision(), "dx");
  expect_near(dgamma.read(), plus(wanted.dgamma, dgamma.numbers, s.adds), 2e-5, "dgamma");
  expect_near(dbeta.read(), plus(wanted.dbeta, dbeta.numbers, s.adds), 2e-5, "dbeta");
}

constexpr Dtype types[] = {Dtype::float32, Dtype::bfloat16, Dtype::float16};

// 264 channels of float32 are 66 quads, three groups of 22 columns; 136 of 16 bits 17 columns, which do not divide 256.
TEST(BatchNorm, OfAnyNumberOfChannels) {
  for (const Dtype dtype : types)
    for (const std::int64_t channels : {4, 6, 8, 12, 16, 35, 64, 136, 264})
      check({.dtype = dtype, .channels = channels, .activation = Silu{}});
}

TEST(BatchNorm, OfFewAndManyPlaces) {
  for (const Dtype dtype : types)
    for (const auto& [batch, height, width] :
         {std::array<std::int64_t, 3>{2, 1, 1}, {1, 1, 3}, {5, 7, 11}, {3, 32, 32}, {1, 64, 65}})
      check({.dtype = dtype, .batch = batch, .channels = 16, .height = height, .width = width, .activation = Relu{}});
}

// Every block takes many tiles, the last of which is a short one, and one or two of them.
TEST(BatchNorm, ByFewBlocks) {
  for (const Dtype dtype : types)
    for (const std::int64_t blocks : {1, 3, 5})
      for (const std::int64_t channels : {8, 264})
        check({.dtype = dtype,
               .batch = 3,
               .channels = channels,
               .height = channels == 8 ? 41 : 7,
               .width = 37,
               .activation = LeakyRelu{0.1F},
               .blocks = blocks});
}

TEST(BatchNorm, AddsToWhatIsThere) {
  for (const Dtype dtype : types)
    for (const std::int64_t channels : {16, 35}) check({.dtype = dtype, .channels = channels, .adds = true});
}

TEST(BatchNorm, WithConstantStatistics) {
  for (const Dtype dtype : types)
    for (const std::int64_t channels : {16, 35})
      check({.dtype = dtype, .channels = channels, .activation = Clamp{0, 6}, .fixed = true});
}

TEST(BatchNorm, OfPicturesThatBeginAnywhere) {
  for (const Dtype dtype : types) check({.dtype = dtype, .channels = 16, .activation = HardSwish{}, .shifted = true});
}

// As what a concatenation gives back; the other channels stay as they are.
TEST(BatchNorm, OfSlicesOfChannels) {
  for (const Dtype dtype : types)
    for (const std::int64_t gap : {8, 40, 3})
      check({.dtype = dtype, .channels = 16, .activation = Silu{}, .adds = gap == 40, .gap = gap});
}

TEST(BatchNorm, WithEveryActivation) {
  for (const Dtype dtype : types)
    for (const Unary& activation : {Unary{Identity{}}, Unary{Relu{}}, Unary{LeakyRelu{0.2F}}, Unary{Clamp{-1, 1}},
                                    Unary{Silu{}}, Unary{HardSwish{}}, Unary{Sigmoid{}}})
      check({.dtype = dtype, .channels = 24, .activation = activation});
  check({.channels = 24, .activation = Gelu{}});  // in a pass of its own, whose numbers are rounded to 16 bits
}

// Sums of squares would have lost the variance.
TEST(BatchNorm, FarFromZero) {
  for (const double middle : {100.0, -3000.0})
    for (const std::int64_t blocks : {0, 2}) {
      const Setting s{.batch = 4, .channels = 8, .height = 29, .width = 31, .middle = middle, .blocks = blocks};
      const Pictures x(s, 1, middle - 2, middle + 2), dy(s, 2, -1, 1);
      const Vector gamma(8, 5, 0.5F, 1.5F), beta(8, 6, -1, 1), mean(8, 7, 0, 1), inverse(8, 8, 0, 1);
      const std::int64_t before = most_batch_norm_blocks();
      if (blocks > 0) most_batch_norm_blocks() = blocks;
      cuda_kernels().batch_norm.train(x.array, {}, {}, {}, {}, {}, {}, mean.array, inverse.array);
      most_batch_norm_blocks() = before;
      const Wanted wanted(s, x, dy, gamma, beta);
      expect_near(mean.read(), wanted.mean, 2e-7, "mean");
      expect_near(inverse.read(), wanted.inverse, 1e-5, "inverse deviation");
    }
}

// Whatever order blocks and threads run in.
TEST(BatchNorm, IsRepeatedBitForBit) {
  const Setting s{.batch = 3, .channels = 40, .height = 13, .width = 17, .blocks = 5};
  most_batch_norm_blocks() = s.blocks;
  std::vector<std::vector<float>> results;
  for (const std::uint64_t seed : {1, 2, 3}) {
    emulator::settings().seed = seed;
    const Pictures x(s, 1, -2, 2), y(s, 3, -1, 1);
    const Vector mean(s.channels, 7, 0, 1), inverse(s.channels, 8, 0, 1);
    cuda_kernels().batch_norm.train(x.array, {}, {}, {}, {}, {}, {y.array}, mean.array, inverse.array);
    results.push_back(y.array.to_vector<float>());
  }
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
  most_batch_norm_blocks() = 1056;
}

}  // namespace
}  // namespace joist::cuda
