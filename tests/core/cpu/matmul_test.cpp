// CPU matrix products against plain loops in double.
#include <joist/core/cpu/parallel.h>
#include <joist/core/kernels.h>
#include <joist/tests/core/cpu/arrays.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::random_array;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

const Array& set(const Array& x, float value) {
  testing::filled(x, [&] { return value; });
  return x;
}

// How the matrices of an operand lie.
enum class Form { dense, transposed, padded, padded_transposed, gaps, heads, broadcast };
constexpr Form forms[] = {Form::dense, Form::transposed, Form::padded,   Form::padded_transposed,
                          Form::gaps,  Form::heads,      Form::broadcast};

Array operand(const Shape& shape, Form form, std::uint32_t seed) {
  const Shape flipped = shape.with(-1, shape[-2]).with(-2, shape[-1]);
  switch (form) {
    case Form::dense: break;
    case Form::transposed: return random_array(flipped, seed).transposed();
    case Form::padded: return random_array(shape.with(-1, shape[-1] + 3), seed).sliced(-1, 1, 1 + shape[-1]);
    case Form::padded_transposed:
      return random_array(flipped.with(-1, shape[-2] + 3), seed).sliced(-1, 2, 2 + shape[-2]).transposed();
    case Form::gaps: return random_array(shape.with(-1, 2 * shape[-1]), seed).sliced(-1, 0, 2 * shape[-1], 2);
    case Form::heads:  // [batch, heads, rows, columns] stored as batch, rows, heads, columns
      if (shape.rank() == 4) return random_array({shape[0], shape[2], shape[1], shape[3]}, seed).permuted({0, 2, 1, 3});
      break;
    case Form::broadcast: return random_array(shape.with(0, 1), seed).expanded(shape);
  }
  return random_array(shape, seed);
}

double expected_at(const Array& a, const Array& b, const Array& bias, const Shape& index, double start) {
  const auto source = [&](const Array& x) {
    Shape at = index;
    for (int i = 0; i < x.rank() - 2; ++i)
      if (x.shape(i) == 1) at[i] = 0;
    return at;
  };
  Shape left = source(a), right = source(b);
  double sum = start + (bias.defined() ? testing::at(bias, {index[-1]}) : 0.0);
  for (std::int64_t k = 0; k < a.shape(-1); ++k) {
    left[-1] = right[-2] = k;
    sum += testing::at(a, left) * testing::at(b, right);
  }
  return sum;
}

void check(const Shape& a_shape, const Shape& b_shape, Form a_form, Form b_form, bool accumulate, bool with_bias,
           Form y_form = Form::dense) {
  SCOPED_TRACE(a_shape.text() + " x " + b_shape.text() + ", forms " + std::to_string(static_cast<int>(a_form)) + " " +
               std::to_string(static_cast<int>(b_form)) + " " + std::to_string(static_cast<int>(y_form)) +
               (accumulate ? ", accumulating" : "") + (with_bias ? ", bias" : ""));
  Shape y_shape = a_shape.with(-1, b_shape[-1]);
  for (int i = 0; i < y_shape.rank() - 2; ++i) y_shape[i] = std::max(a_shape[i], b_shape[i]);
  const Array a = operand(a_shape, a_form, 1), b = operand(b_shape, b_form, 2);
  const Array bias = with_bias ? random_array({b_shape[-1]}, 3) : Array{};
  const Array y = set(operand(y_shape, y_form, 4), accumulate ? 0.5f : nan);
  kernels(cpu).matmul.product(a, b, bias, Out{y, accumulate});
  testing::expect_close(
      y, [&](const Shape& i) { return expected_at(a, b, bias, i, accumulate ? 0.5 : 0.0); }, 1e-5, 2e-4);
}

TEST(Matmul, EqualsPlainLoops) {
  const std::pair<Shape, Shape> shapes[] = {
      {{5, 7}, {7, 3}},
      {{1, 1}, {1, 1}},
      {{1, 9}, {9, 4}},
      {{6, 9}, {9, 1}},
      {{16, 32}, {32, 48}},
      {{33, 65}, {65, 17}},
      {{3, 5, 7}, {3, 7, 2}},
      {{2, 3, 5, 4}, {2, 3, 4, 6}},
      {{64, 1}, {1, 40}},
      {{4, 1, 8}, {4, 8, 16}},
      {{2, 2, 17, 16}, {2, 2, 16, 17}},
  };
  for (const auto& [a, b] : shapes)
    for (const bool accumulate : {false, true})
      for (const bool bias : {false, true}) check(a, b, Form::dense, Form::dense, accumulate, bias);
}

TEST(Matmul, TakesOperandsAsTheyLie) {
  for (const Form a : forms)
    for (const Form b : forms) {
      check({13, 18}, {18, 21}, a, b, false, true);
      check({2, 3, 6, 8}, {2, 3, 8, 10}, a, b, true, false);
    }
}

TEST(Matmul, FillsOutputsAsTheyLie) {
  for (const Form y : {Form::transposed, Form::padded, Form::padded_transposed, Form::gaps, Form::heads})
    for (const bool accumulate : {false, true}) {
      check({13, 18}, {18, 21}, Form::dense, Form::transposed, accumulate, true, y);
      check({2, 3, 6, 8}, {2, 3, 8, 10}, Form::dense, Form::heads, accumulate, true, y);
    }
}

TEST(Matmul, BroadcastsLeadingAxes) {
  for (const bool accumulate : {false, true}) {
    check({4, 6, 5}, {1, 5, 3}, Form::dense, Form::dense, accumulate, true);
    check({4, 6, 5}, {1, 5, 3}, Form::padded, Form::transposed, accumulate, true);
    check({1, 6, 5}, {4, 5, 3}, Form::dense, Form::dense, accumulate, true);
    check({2, 1, 6, 5}, {1, 3, 5, 4}, Form::dense, Form::dense, accumulate, false);
    check({2, 3, 1, 5}, {1, 1, 5, 4}, Form::heads, Form::dense, accumulate, true);
  }
}

TEST(Matmul, NoInnerAxisGivesTheBias) {
  const Array a = Array::empty({2, 3, 0}), b = Array::empty({2, 0, 4}), bias = random_array({4}, 1);
  const Array y = set(Array::empty({2, 3, 4}), nan);
  const auto& product = kernels(cpu).matmul.product;
  product(a, b, bias, Out{y});
  testing::expect_close(
      y, [&](const Shape& i) { return testing::at(bias, {i[-1]}); }, 0, 0);
  product(a, b, bias, Out{y, true});
  testing::expect_close(
      y, [&](const Shape& i) { return 2 * testing::at(bias, {i[-1]}); }, 0, 0);
  product(a, b, {}, Out{y, true});
  testing::expect_close(
      y, [&](const Shape& i) { return 2 * testing::at(bias, {i[-1]}); }, 0, 0);
  product(a, b, {}, Out{y});
  testing::expect_close(
      y, [](const Shape&) { return 0.0; }, 0, 0);
}

TEST(Matmul, NoRowsColumnsOrMatricesGiveNothing) {
  const auto& product = kernels(cpu).matmul.product;
  product(Array::empty({0, 3}), Array::empty({3, 4}), {}, Out{Array::empty({0, 4})});
  product(Array::empty({2, 3}), Array::empty({3, 0}), {}, Out{Array::empty({2, 0})});
  product(Array::empty({0, 2, 3}), Array::empty({0, 3, 4}), {}, Out{Array::empty({0, 2, 4})});
}

TEST(Matmul, LeavesWhatLiesBesideASlice) {
  const Array whole = set(Array::empty({6, 10}), 7);
  kernels(cpu).matmul.product(random_array({6, 5}, 1), random_array({5, 4}, 2), {}, Out{whole.sliced(1, 3, 7)});
  for (const Array& beside : {whole.sliced(1, 0, 3), whole.sliced(1, 7, 10)})
    testing::expect_close(
        beside, [](const Shape&) { return 7.0; }, 0, 0);
}

TEST(Matmul, ForgetsShapesThatWereNotUsedForLong) {
  // More row counts than are kept: the first is made anew and must not have changed.
  const Array b = random_array({8, 5}, 1), a = random_array({1200, 8}, 2);
  const Array first = Array::empty({3, 5}), again = Array::empty({3, 5}), y = Array::empty({1200, 5});
  const auto& product = kernels(cpu).matmul.product;
  product(a.sliced(0, 0, 3), b, {}, Out{first});
  for (std::int64_t rows = 1; rows <= 1200; ++rows) product(a.sliced(0, 0, rows), b, {}, Out{y.sliced(0, 0, rows)});
  product(a.sliced(0, 0, 3), b, {}, Out{again});
  EXPECT_EQ(std::memcmp(first.raw(), again.raw(), first.bytes()), 0);
  testing::expect_close(
      y, [&](const Shape& i) { return expected_at(a, b, {}, i, 0); }, 1e-5, 1e-5);
}

TEST(Matmul, IsBitwiseRepeatable) {
  const int threads_before = threads();
  set_threads(2);
  const Array a = random_array({40, 900}, 1).transposed(), b = random_array({40, 70}, 2);
  const Array first = Array::empty({900, 70}), again = Array::empty({900, 70});
  kernels(cpu).matmul.product(a, b, {}, Out{first});
  for (int i = 0; i < 20; ++i) {
    kernels(cpu).matmul.product(a, b, {}, Out{again});
    ASSERT_EQ(std::memcmp(first.raw(), again.raw(), first.bytes()), 0);
  }
  set_threads(threads_before);
}

TEST(Matmul, RefusesOtherTypesAndShapesThatDoNotFit) {
  const auto& product = kernels(cpu).matmul.product;
  EXPECT_THROW(product(Array::empty({2, 3}, Dtype::float64), Array::empty({3, 4}), {}, Out{Array::empty({2, 4})}),
               DtypeError);
  try {
    product(Array::empty({2, 3}), Array::empty({5, 4}), {}, Out{Array::empty({2, 4})});
    FAIL() << "accepted inner lengths 3 and 5";
  } catch (const InternalError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("matmul"), std::string::npos) << message;
    EXPECT_NE(message.find("[2, 3], [5, 4], [2, 4]"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace joist
