// Accuracy and special values of the functions in core/cpu/simd-inl.h, through the unary kernels.
#include <joist/tests/core/cpu/arrays.h>

#include <limits>
#include <span>

namespace joist::testing {
namespace {

const float infinity = std::numeric_limits<float>::infinity();
const float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> results(const Unary& f, const std::vector<float>& values) {
  static const Kernels table = table_of(fill_elementwise);
  const Array x = Array::from(values, {static_cast<std::int64_t>(values.size())}), y = Array::like(x);
  table.elementwise.unary(f, x, {.array = y});
  return y.to_vector<float>();
}

// Distance in units of the last place of the exact value.
double ulps(float value, double exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isnan(value) || std::isnan(exact)) return std::isnan(value) && std::isnan(exact) ? 0 : infinity;
  if (value == rounded) return 0;
  const auto unit = static_cast<double>(std::nextafter(std::fabs(rounded), infinity) - std::fabs(rounded));
  return std::fabs(static_cast<double>(value) - exact) / unit;
}

void expect_ulps(const Unary& f, double (*exact)(double), double from, double to, double most) {
  std::vector<float> x;
  for (int i = 0; i <= 20011; ++i) x.push_back(static_cast<float>(from + (to - from) * i / 20011));
  const std::vector<float> y = results(f, x);
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_LE(ulps(y[i], exact(static_cast<double>(x[i]))), most) << "x = " << x[i] << " gives " << y[i];
}

TEST(Simd, FunctionsAreAccurate) {
  for_each_instruction_set([] {
    expect_ulps(Exponential{}, std::exp, -86.6, 88.7, 2);
    expect_ulps(Exponential{}, std::exp, -1, 1, 2);
    expect_ulps(Logarithm{}, std::log, 1e-40, 1e-36, 4);
    expect_ulps(Logarithm{}, std::log, 1e-3, 50, 4);
    expect_ulps(HyperbolicTangent{}, std::tanh, -10, 10, 4);
    expect_ulps(HyperbolicTangent{}, std::tanh, -0.01, 0.01, 4);
    expect_ulps(
        Power{1.7F}, [](double x) { return std::pow(x, static_cast<double>(1.7F)); }, 0, 50, 1);
    expect_ulps(Power{0.5F}, std::sqrt, 0, 50, 1);
  });
}

TEST(Simd, ErrorFunctionAndTrigonometryAreAccurateToOne) {
  for_each_instruction_set([] {
    std::vector<float> x;
    for (int i = -6000; i <= 6000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);
    const std::vector<float> gelu = results(Gelu{}, x), sine = results(Sine{}, x);
    const std::vector<float> cosine = results(Cosine{}, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto v = static_cast<double>(x[i]);
      if (v != 0) {
        ASSERT_NEAR(static_cast<double>(gelu[i]) / v * 2 - 1, std::erf(v * std::sqrt(0.5)), 5e-7) << v;
      }
      ASSERT_NEAR(static_cast<double>(sine[i]), std::sin(v), 2e-7) << v;
      ASSERT_NEAR(static_cast<double>(cosine[i]), std::cos(v), 2e-7) << v;
    }
    const std::vector<float> large = results(Sine{}, {1e6F, -3e20F});
    EXPECT_NEAR(static_cast<double>(large[0]), std::sin(1e6), 1e-6);
    EXPECT_NEAR(static_cast<double>(large[1]), std::sin(static_cast<double>(-3e20F)), 1e-6);
    EXPECT_EQ(results(Gelu{}, {-50.0F})[0], 0.0F);
  });
}

TEST(Simd, EdgesAreExact) {
  for_each_instruction_set([] {
    EXPECT_EQ(results(Exponential{}, {-infinity, -200, 0, 89, infinity}),
              (std::vector<float>{0, 0, 1, infinity, infinity}));
    for (float x = -110; x < -86; x += 0.125F)  // tiny results may be cut off, not wrong
      EXPECT_NEAR(static_cast<double>(results(Exponential{}, {x})[0]), std::exp(static_cast<double>(x)), 2.5e-38) << x;
    const std::vector<float> logarithms = results(Logarithm{}, {0, 1, infinity, -1});
    EXPECT_EQ(logarithms[0], -infinity);
    EXPECT_EQ(logarithms[1], 0);
    EXPECT_EQ(logarithms[2], infinity);
    EXPECT_TRUE(std::isnan(logarithms[3]));
    EXPECT_EQ(results(HyperbolicTangent{}, {-infinity, 0, infinity}), (std::vector<float>{-1, 0, 1}));
    EXPECT_EQ(results(Sigmoid{}, {-infinity, -200, 0, infinity}), (std::vector<float>{0, 0, 0.5F, 1}));
    EXPECT_EQ(results(Silu{}, {-200, 0}), (std::vector<float>{0, 0}));
    EXPECT_EQ(results(Softplus{}, {-infinity, 200}), (std::vector<float>{0, 200}));
    EXPECT_EQ(results(Clamp{-1, 2}, {-infinity, 0, infinity}), (std::vector<float>{-1, 0, 2}));
  });
}

template <class... F>
std::vector<Unary> all_of(std::variant<F...>*) {
  return {F{}...};
}

// A NaN in any lane stays there and touches no other, also in the registers' rest behind the end.
TEST(Simd, NanStaysWhereItIs) {
  for_each_instruction_set([] {
    for (const Unary& f : all_of(static_cast<Unary*>(nullptr))) {
      for (const std::size_t size : {1U, 7U, 21U, 37U})
        for (std::size_t where = 0; where < size; where += 3) {
          const bool above_one = std::holds_alternative<ArcHyperbolicCosine>(f);
          std::vector<float> x(size, above_one ? 1.75F : 0.75F);
          const float otherwise = results(f, x)[0];
          x[where] = nan;
          const std::vector<float> y = results(f, x);
          for (std::size_t i = 0; i < size; ++i) {
            if (i == where && (std::holds_alternative<ReplaceNotFinite>(f) || std::holds_alternative<Sign>(f)))
              ASSERT_EQ(y[i], 0);
            else if (i == where)
              ASSERT_TRUE(std::isnan(y[i])) << "function " << f.index();
            else
              ASSERT_EQ(y[i], otherwise) << "function " << f.index();
          }
        }
    }
  });
}

TEST(Simd, MaximumAndMinimumAgreeWithTheScalarFunctions) {
  static const Kernels table = table_of(fill_elementwise);
  const std::vector<float> a{1, nan, 1, 0.0F, -0.0F, infinity}, b{2, 1, nan, -0.0F, 0.0F, -infinity};
  for_each_instruction_set([&] {
    for (const Binary& f : {Binary(Maximum{}), Binary(Minimum{})}) {
      const Array x = Array::from(a, {6}), z = Array::from(b, {6}), y = Array::like(x);
      table.elementwise.binary(f, x, z, {.array = y});
      const std::vector<float> got = y.to_vector<float>();
      for (std::size_t i = 0; i < a.size(); ++i) {
        const float expected = std::holds_alternative<Maximum>(f) ? scalar::value(Maximum{}, a[i], b[i])
                                                                  : scalar::value(Minimum{}, a[i], b[i]);
        if (std::isnan(expected))
          EXPECT_TRUE(std::isnan(got[i])) << i;
        else
          EXPECT_TRUE(got[i] == expected && std::signbit(got[i]) == std::signbit(expected)) << i;
      }
    }
  });
}

}  // namespace
}  // namespace joist::testing
