// Element types: conversions bit by bit, promotion and integer arithmetic as PyTorch's (fixtures/dtype_fixtures.json),
// and every type through the engine against float64.
#include <joist/core/formats/sha256.h>
#include <joist/core/half.h>
#include <joist/core/ops.h>
#include <joist/core/ops/dtype.h>
#include <joist/tests/support/reference_backend.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

const nlohmann::json& fixtures() {
  static const nlohmann::json json = [] {
    std::ifstream file(std::string(JOIST_SOURCE_DIR) + "/tests/fixtures/dtype_fixtures.json");
    return nlohmann::json::parse(file);
  }();
  return json;
}

// ---- 16-bit numbers -------------------------------------------------------------------------------------------------

double exact(std::uint16_t bits, int mantissa_bits, int bias) {
  const int exponent_bits = 15 - mantissa_bits;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1),
            mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

template <class Half>
void check_all_patterns(int mantissa_bits, int bias) {
  for (std::uint32_t pattern = 0; pattern < 65536; ++pattern) {
    Half half;
    half.bits = static_cast<std::uint16_t>(pattern);
    const auto value = static_cast<float>(half);
    const double wanted = exact(half.bits, mantissa_bits, bias);
    if (std::isnan(wanted)) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
      ASSERT_EQ(std::signbit(value), (pattern >> 15) != 0) << pattern;
      ASSERT_TRUE(std::isnan(static_cast<float>(Half(value)))) << pattern;
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint64_t>(static_cast<double>(value)), std::bit_cast<std::uint64_t>(wanted))
        << pattern;
    ASSERT_EQ(Half(value).bits, half.bits) << pattern;
  }
}

TEST(Half, AllPatternsAreTheirNumbersAndComeBack) {
  check_all_patterns<Float16>(10, 15);
  check_all_patterns<BFloat16>(7, 127);
}

template <class Half>
void check_rounding() {
  for (std::uint32_t pattern = 0; pattern + 1 < 65536; ++pattern) {
    Half low, high;
    low.bits = static_cast<std::uint16_t>(pattern);
    high.bits = static_cast<std::uint16_t>(pattern + 1);
    const auto a = static_cast<float>(low), b = static_cast<float>(high);
    if (!std::isfinite(a) || !std::isfinite(b) || std::signbit(a) != std::signbit(b)) continue;
    const auto middle = static_cast<float>((static_cast<double>(a) + static_cast<double>(b)) / 2);  // exact
    ASSERT_EQ(Half(middle).bits, pattern % 2 == 0 ? low.bits : high.bits) << pattern;               // ties to even
    ASSERT_EQ(Half(std::nextafter(middle, a)).bits, low.bits) << pattern;
    ASSERT_EQ(Half(std::nextafter(middle, b)).bits, high.bits) << pattern;
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  check_rounding<Float16>();
  check_rounding<BFloat16>();
}

TEST(Half, BeyondTheRangeLiesInfinity) {
  EXPECT_EQ(Float16(65504.0F).bits, 0x7BFF);
  EXPECT_EQ(Float16(65519.99F).bits, 0x7BFF);
  EXPECT_EQ(Float16(65520.0F).bits, 0x7C00);
  EXPECT_EQ(Float16(-1e30F).bits, 0xFC00);
  EXPECT_EQ(Float16(INFINITY).bits, 0x7C00);
  EXPECT_EQ(Float16(std::ldexp(1.0F, -25)).bits, 0);
  EXPECT_EQ(Float16(std::nextafter(std::ldexp(1.0F, -25), 1.0F)).bits, 1);
  EXPECT_EQ(Float16(-0.0F).bits, 0x8000);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7F80);
  EXPECT_EQ(BFloat16(-0.0F).bits, 0x8000);
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(NAN))));
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7F800001U)))));
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(std::bit_cast<float>(0xFF800001U)))));
}

// The floats of make_dtype_fixtures.py.
std::vector<float> fixture_floats() {
  std::vector<std::uint32_t> bits;
  for (std::uint64_t i = 0; i < 65536; ++i) bits.push_back(static_cast<std::uint32_t>(i * 65537));
  std::vector<std::uint32_t> middles;
  for (std::uint32_t i = 0; i + 1 < 0x7C00; ++i)
    middles.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(
        (exact(static_cast<std::uint16_t>(i), 10, 15) + exact(static_cast<std::uint16_t>(i + 1), 10, 15)) / 2)));
  for (const std::uint32_t shift : {0U, ~0U, 1U})
    for (const std::uint32_t middle : middles) bits.push_back(middle + shift);
  for (const std::uint32_t shift : {0x8000U, 0x7FFFU, 0x8001U})
    for (std::uint32_t top = 0; top < 0x7F80; ++top) bits.push_back((top << 16) + shift);
  std::vector<float> floats;
  for (const std::uint32_t word : bits)
    if (const auto value = std::bit_cast<float>(word); !std::isnan(value)) floats.push_back(value);
  return floats;
}

template <class Half>
std::string digest(const std::vector<float>& floats) {
  std::vector<std::byte> bytes;
  for (const float value : floats) {
    const std::uint16_t bits = Half(value).bits;
    bytes.push_back(static_cast<std::byte>(bits & 0xFF));
    bytes.push_back(static_cast<std::byte>(bits >> 8));
  }
  return hexadecimal(sha256(bytes));
}

TEST(Half, ConvertsAsPyTorchAndNumpy) {
  const std::vector<float> floats = fixture_floats();
  ASSERT_EQ(floats.size(), fixtures()["half"]["count"].get<std::size_t>());
  EXPECT_EQ(digest<Float16>(floats), fixtures()["half"]["float16"].get<std::string>());
  EXPECT_EQ(digest<BFloat16>(floats), fixtures()["half"]["bfloat16"].get<std::string>());
}

TEST(Half, ArraysConvertAsNumbersDo) {
  const std::vector<float> floats = fixture_floats();
  const Array wide = Array::from(floats, {static_cast<std::int64_t>(floats.size())});
  const Array half = to(Tensor(wide), Dtype::float16).value(), brain = to(Tensor(wide), Dtype::bfloat16).value();
  for (std::size_t i = 0; i < floats.size(); ++i) {
    ASSERT_EQ(half.data<Float16>()[i].bits, Float16(floats[i]).bits) << floats[i];
    ASSERT_EQ(brain.data<BFloat16>()[i].bits, BFloat16(floats[i]).bits) << floats[i];
  }
}

// ---- promotion ------------------------------------------------------------------------------------------------------

TEST(ResultType, IsPyTorchs) {
  ASSERT_EQ(fixtures()["result_type"].size(), 9U * 9 * 4);
  for (const auto& row : fixtures()["result_type"]) {
    const auto tensor = [&](int at) {
      return Tensor::zeros(row[at + 1].get<int>() == 0 ? Shape{} : Shape{1}, dtype_named(row[at].get<std::string>()));
    };
    std::string wanted = row[4];
    if (wanted == "int16") wanted = "int32";  // uint8 with int8: there is no int16
    EXPECT_EQ(name_of(result_type(tensor(0), tensor(2))), wanted) << row;
    const auto [a, b] = promote(tensor(0), tensor(2));
    EXPECT_EQ(name_of(a.dtype()), wanted);
    EXPECT_EQ(name_of(b.dtype()), wanted);
    if (row[1] == row[3]) {
      EXPECT_EQ(name_of(promoted(dtype_named(row[0].get<std::string>()), dtype_named(row[2].get<std::string>()))),
                wanted);
    }
    EXPECT_EQ(name_of((tensor(0) + tensor(2)).dtype()), wanted) << row;
  }
}

TEST(ResultType, GradientsComeBackInTheirOwnType) {
  const Tensor half = to(Tensor::from({1, 2}, {2}), Dtype::float16).detach();
  half.set_requires_grad(true);
  const Tensor wide = Tensor(Array::from(std::vector<double>{3, 4}, {2}), true);
  const Tensor product = half * wide;
  EXPECT_EQ(product.dtype(), Dtype::float64);
  sum(product).backward();
  EXPECT_EQ(half.gradient().dtype(), Dtype::float16);
  EXPECT_EQ(static_cast<float>(half.gradient().data<Float16>()[1]), 4);
  EXPECT_EQ(wide.gradient().to_vector<double>(), (std::vector<double>{1, 2}));
}

// ---- integers -------------------------------------------------------------------------------------------------------

Tensor integers(const std::vector<std::int64_t>& values, Dtype dtype) {
  return to(Tensor(Array::from(values, {static_cast<std::int64_t>(values.size())})), dtype);
}
std::vector<std::int64_t> numbers(const Tensor& x) { return to(x, Dtype::int64).value().to_vector<std::int64_t>(); }

TEST(Integers, QuotientsRemaindersAndWrappingAsPyTorch) {
  const std::map<std::string, Tensor (*)(const Tensor&, const Tensor&)> functions{
      {"floor_divide", floor_divide},
      {"remainder", remainder},
      {"add", [](const Tensor& a, const Tensor& b) { return a + b; }},
      {"subtract", [](const Tensor& a, const Tensor& b) { return a - b; }},
      {"multiply", [](const Tensor& a, const Tensor& b) { return a * b; }},
      {"maximum", [](const Tensor& a, const Tensor& b) { return maximum(a, b); }},
      {"minimum", [](const Tensor& a, const Tensor& b) { return minimum(a, b); }}};
  for (const auto& block : fixtures()["integers"]) {
    const Dtype dtype = dtype_named(block["dtype"].get<std::string>());
    const Tensor a = integers(block["a"], dtype), b = integers(block["b"], dtype);
    EXPECT_EQ(block["results"].size(), functions.size());
    for (const auto& [name, wanted] : block["results"].items()) {
      const Tensor y = functions.at(name)(a, b);
      EXPECT_EQ(y.dtype(), dtype);
      EXPECT_EQ(numbers(y), wanted.get<std::vector<std::int64_t>>()) << name << " of " << name_of(dtype);
    }
  }
}

TEST(Integers, TheSmallestDividedByMinusOneWraps) {
  for (const Dtype dtype : {Dtype::int64, Dtype::int32, Dtype::int8}) {
    const int bits = 8 * static_cast<int>(size_of(dtype));
    const std::int64_t low = -1 - static_cast<std::int64_t>((std::uint64_t{1} << (bits - 1)) - 1);
    const Tensor smallest = integers({low}, dtype), minus = integers({-1}, dtype);
    EXPECT_EQ(numbers(floor_divide(smallest, minus))[0], low);
    EXPECT_EQ(numbers(remainder(smallest, minus))[0], 0);
    EXPECT_EQ(numbers(-smallest)[0], low);
    EXPECT_EQ(numbers(abs(smallest))[0], low);
    EXPECT_EQ(numbers(square(smallest))[0], 0);
  }
  EXPECT_EQ(numbers(-integers({1}, Dtype::uint8))[0], 255);
  EXPECT_EQ(numbers(pow(integers({3, -2, 1, -1, 2}, Dtype::int64), integers({4, 63, -5, -3, -1}, Dtype::int64))),
            (std::vector<std::int64_t>{81, std::numeric_limits<std::int64_t>::min(), 1, -1, 0}));
}

TEST(Integers, DivisionByZeroIsAnError) {
  for (const Dtype dtype : {Dtype::int64, Dtype::int32, Dtype::int8, Dtype::uint8}) {
    const Tensor a = integers({1, 2}, dtype), b = integers({1, 0}, dtype);
    EXPECT_THROW(floor_divide(a, b), DataError);
    EXPECT_THROW(remainder(a, b), DataError);
  }
}

TEST(Integers, WhatHasNoIntegerResultIsFloat) {
  const Tensor a = integers({1, -7}, Dtype::int32), b = integers({2, 2}, Dtype::int32);
  EXPECT_EQ((a / b).dtype(), Dtype::float32);
  EXPECT_EQ((a / b).value().to_vector<float>(), (std::vector<float>{0.5F, -3.5F}));
  EXPECT_EQ(sqrt(b).dtype(), Dtype::float32);
  EXPECT_EQ((a * 0.5).value().to_vector<float>(), (std::vector<float>{0.5F, -3.5F}));
  EXPECT_EQ(numbers(a + 3.0), (std::vector<std::int64_t>{4, -4}));
  EXPECT_EQ((a + 3.0).dtype(), Dtype::int32);
  const Tensor flags = to(integers({1, 0}, Dtype::int64), Dtype::boolean);
  EXPECT_EQ((flags + flags).dtype(), Dtype::boolean);  // or, as in PyTorch
  EXPECT_EQ(numbers(flags + flags), (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ((clamp(a, -2.5, 0.5)).value().to_vector<float>(), (std::vector<float>{0.5F, -2.5F}));
  EXPECT_EQ(numbers(clamp(a, 3, 2)), (std::vector<std::int64_t>{2, 2}));  // the upper bound comes last
  EXPECT_EQ(numbers(clamp_min(a, 0)), (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(numbers(clamp_max(a, 0)), (std::vector<std::int64_t>{0, -7}));
  EXPECT_THROW(a.set_requires_grad(true), DtypeError);
}

TEST(Integers, SumsAndExtremesAlongAnAxis) {
  for (const Dtype dtype : {Dtype::int64, Dtype::int32, Dtype::int8, Dtype::uint8}) {
    const Tensor x = reshape(integers({3, 9, 1, 7, 7, 2}, dtype), {2, 3});
    EXPECT_EQ(numbers(max(x, 1).values), (std::vector<std::int64_t>{9, 7}));
    EXPECT_EQ(numbers(max(x, 1).indices), (std::vector<std::int64_t>{1, 0}));  // the first of equal ones
    EXPECT_EQ(numbers(min(x, 0).values), (std::vector<std::int64_t>{3, 7, 1}));
    EXPECT_EQ(numbers(argmax(x, 0)), (std::vector<std::int64_t>{1, 0, 1}));
    EXPECT_EQ(numbers(sum(x, {1})), (std::vector<std::int64_t>{13, 16}));
  }
  const Tensor bytes = integers({200, 100}, Dtype::uint8);
  EXPECT_EQ(sum(bytes).dtype(), Dtype::int64);
  EXPECT_EQ(numbers(sum(bytes)), (std::vector<std::int64_t>{300}));
}

TEST(Integers, LargeOnesKeepTheirDigits) {  // beyond what double holds
  const std::int64_t large = (std::int64_t{1} << 60) + 1;
  const Tensor x = integers({large, -large}, Dtype::int64);
  EXPECT_EQ(numbers(x + 1.0), (std::vector<std::int64_t>{large + 1, -large + 1}));
  EXPECT_EQ(numbers(x * 2.0), (std::vector<std::int64_t>{2 * large, -2 * large}));
  EXPECT_EQ(numbers(2.0 - x), (std::vector<std::int64_t>{2 - large, 2 + large}));
  EXPECT_EQ(numbers(clamp(x, -5, 5)), (std::vector<std::int64_t>{5, -5}));
  EXPECT_EQ(numbers(clamp(x, -1e30, 1e30)), (std::vector<std::int64_t>{large, -large}));
  EXPECT_EQ(numbers(sum(x + x)), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(numbers(sum(integers({large, 1, 1}, Dtype::int64))), (std::vector<std::int64_t>{large + 2}));
}

TEST(Integers, ConvertAsInCpp) {
  const Tensor x = Tensor::from({1.75F, -1.75F, 0, 200}, {4});
  EXPECT_EQ(numbers(to(x, Dtype::int32)), (std::vector<std::int64_t>{1, -1, 0, 200}));
  EXPECT_EQ(numbers(to(x, Dtype::boolean)), (std::vector<std::int64_t>{1, 1, 0, 1}));
  EXPECT_EQ(numbers(to(integers({300, -1}, Dtype::int64), Dtype::uint8)), (std::vector<std::int64_t>{44, 255}));
  EXPECT_EQ(numbers(to(integers({300, 128}, Dtype::int64), Dtype::int8)), (std::vector<std::int64_t>{44, -128}));
}

// ---- floating types through the engine ------------------------------------------------------------------------------

struct Function {
  const char* name;
  std::vector<Shape> inputs;
  std::function<Tensor(std::span<const Tensor>)> run;
};

std::vector<Function> functions() {
  const ConvolutionOptions padded{.stride = {2, 1}, .padding = {1, 1}};
  return {
      {"arithmetic", {{3, 4}, {4}}, [](auto t) { return t[0] * t[1] + t[0] / (square(t[1]) + 1.0) - 0.5; }},
      {"functions", {{5, 3}}, [](auto t) { return exp(tanh(t[0])) + sigmoid(t[0]) * gelu(t[0]); }},
      {"matmul", {{2, 3, 5}, {5, 4}}, [](auto t) { return matmul(t[0], t[1]); }},
      {"linear", {{3, 6}, {4, 6}, {4}}, [](auto t) { return linear(t[0], t[1], t[2]); }},
      {"conv2d", {{2, 3, 6, 5}, {4, 3, 3, 3}, {4}}, [padded](auto t) { return conv2d(t[0], t[1], t[2], padded); }},
      {"softmax", {{4, 7}}, [](auto t) { return softmax(t[0], 1); }},
      {"log_softmax", {{4, 7}}, [](auto t) { return log_softmax(t[0], 0); }},
      {"reductions",
       {{4, 5, 3}},
       [](auto t) {
         return sum(t[0], {0, 2}) + mean(t[0], {2, 0}) + sum(t[0]);
       }},
      {"shapes",
       {{4, 6}},
       [](auto t) {
         return concat({transpose(slice(t[0], 1, 0, 6, 2), 0, 1), reshape(t[0], {6, 4})}, 0);
       }},
      {"pooling", {{2, 2, 6, 6}}, [](auto t) { return max_pool2d(t[0], {}) + avg_pool2d(t[0], {}); }},
      {"batch_norm",
       {{4, 3, 2, 2}, {3}, {3}},
       [](auto t) {
         const Tensor mean = Tensor::zeros({3}, t[0].dtype(), t[0].device()),
                      variance = Tensor::full({3}, 1, t[0].dtype(), t[0].device());
         return batch_norm(t[0], t[1], t[2], mean, variance, {}, true);
       }},
      {"where", {{4, 4}, {4, 4}}, [](auto t) { return where(gt(t[0], t[1]), t[0], t[1] * 2.0); }},
  };
}

struct Numbers {
  std::vector<double> result;
  std::vector<std::vector<double>> gradients;
};
std::vector<double> doubles(const Array& x) {
  return to(to(Tensor(x), cpu), Dtype::float64).value().to_vector<double>();
}

// Inputs are rounded to `rounded` first, then computed with in `dtype` on a device.
Numbers run(const Function& function, Dtype rounded, Dtype dtype, Device device) {
  std::vector<Tensor> inputs;
  std::uint64_t seed = 0;
  const auto random = [&](const Shape& shape) {
    Random numbers({.seed = ++seed, .stream = Stream::test});
    std::vector<float> values(static_cast<std::size_t>(shape.elements()));
    for (float& value : values) value = numbers.uniform(-2, 2);
    return to(to(to(Tensor(Array::from(values, shape)), rounded), dtype), device).detach();
  };
  for (const Shape& shape : function.inputs) {
    inputs.push_back(random(shape));
    inputs.back().set_requires_grad(true);
  }
  const Tensor y = function.run(inputs);
  EXPECT_EQ(y.dtype(), dtype) << function.name;
  y.backward(random(y.shape()).value());
  Numbers found{doubles(y.value()), {}};
  for (const Tensor& input : inputs) {
    EXPECT_EQ(input.gradient().dtype(), dtype) << function.name;
    found.gradients.push_back(doubles(input.gradient()));
  }
  return found;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& wanted, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  double largest = 0;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], tolerance * largest) << what << " element " << i;
}

TEST(FloatingTypes, AgreeWithFloat64) {
  const Device reference = use_reference();
  for (const Function& function : functions()) {
    // A few roundings of the type: results of several operations are rounded after each.
    for (const auto& [dtype, tolerance] : std::vector<std::pair<Dtype, double>>{{Dtype::float64, 1e-12},
                                                                                {Dtype::float32, 2e-6},
                                                                                {Dtype::float16, 4.0 / 2048},
                                                                                {Dtype::bfloat16, 4.0 / 256}}) {
      const Numbers wanted = run(function, dtype, Dtype::float64, reference), got = run(function, dtype, dtype, cpu);
      const std::string what = std::string(function.name) + " in " + std::string(name_of(dtype));
      expect_near(got.result, wanted.result, tolerance, what);
      for (std::size_t i = 0; i < got.gradients.size(); ++i)
        expect_near(got.gradients[i], wanted.gradients[i], tolerance, what + ", gradient " + std::to_string(i));
    }
  }
}

TEST(FloatingTypes, HalfInputsAreNotWrittenTo) {
  const Tensor x = to(Tensor::from({1, 2, 3, 4}, {2, 2}), Dtype::float16);
  const Array spread = x.value().selected(0, 0).expanded({3, 2});  // memory shared by rows
  std::vector<std::uint16_t> memory(4);
  std::memcpy(memory.data(), x.value().raw(), 8);
  x.value().data<Float16>()[1].bits = memory[1] = 0x7C01;  // a signalling NaN, which a conversion there and back quiets
  softmax(Tensor(spread), 1);
  matmul(x, x);
  EXPECT_EQ(std::memcmp(memory.data(), x.value().raw(), 8), 0);
}

TEST(FloatingTypes, OperandsOfDifferentTypesAreErrorsWhereTypesDoNotMix) {
  const Tensor a = Tensor::zeros({2, 2}), b = Tensor::zeros({2, 2}, Dtype::float64);
  for (const auto& body : std::vector<std::function<void()>>{[&] { matmul(a, b); }, [&] { linear(a, b); }}) try {
      body();
      FAIL();
    } catch (const DtypeError& error) {
      EXPECT_NE(std::string(error.what()).find("float32 and float64"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace joist
