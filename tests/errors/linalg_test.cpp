// What linear algebra refuses, and what its messages say.
#include <joist/joist.h>
#include <joist/tests/support/expect_error.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace joist {
namespace {

Tensor zeros_of(const Shape& shape) { return zeros(shape); }
Tensor matrices(const std::vector<double>& values, const Shape& shape) { return tensor(values, shape); }

TEST(LinalgErrors, WantMatrices) {
  const Tensor vector = zeros_of({3}), wide = zeros_of({2, 3});
  expect_error<ShapeError>([&] { svd(vector); }, {"svd", "[3]", "rows", "columns"});
  expect_error<ShapeError>([&] { qr(vector); }, {"qr", "[3]"});
  expect_error<ShapeError>([&] { svdvals(vector); }, {"svdvals", "[3]"});
  expect_error<ShapeError>([&] { pinv(vector); }, {"pinv", "[3]"});
  expect_error<ShapeError>([&] { matrix_rank(vector); }, {"matrix_rank", "[3]"});
  expect_error<ShapeError>([&] { matrix_norm(vector); }, {"matrix_norm", "[3]"});
  expect_error<ShapeError>([&] { matrix_norm(vector, 1.0); }, {"matrix_norm", "[3]"});
  expect_error<ShapeError>([&] { cond(vector); }, {"cond", "[3]"});
  expect_error<ShapeError>([&] { lstsq(vector, wide); }, {"lstsq", "[3]"});
  const auto square = [&](const char* name, auto call) {
    expect_error<ShapeError>([&] { call(wide); }, {name, "[2, 3]", "square", "2 rows, 3 columns"});
  };
  square("inverse", [](const Tensor& a) { inverse(a); });
  square("det", [](const Tensor& a) { det(a); });
  square("slogdet", [](const Tensor& a) { slogdet(a); });
  square("logdet", [](const Tensor& a) { logdet(a); });
  square("cholesky", [](const Tensor& a) { cholesky(a); });
  square("cholesky_inverse", [](const Tensor& a) { cholesky_inverse(a); });
  square("cholesky_solve", [](const Tensor& a) { cholesky_solve(a, a); });
  square("eigh", [](const Tensor& a) { eigh(a); });
  square("eigvalsh", [](const Tensor& a) { eigvalsh(a); });
  square("solve", [](const Tensor& a) { solve(a, a); });
  square("solve_triangular", [](const Tensor& a) { solve_triangular(a, a, {}); });
  expect_error<ShapeError>([&] { matrix_power(wide, 2); }, {"matrix_power", "[2, 3]", "[..., n, n]"});
  square("matrix_exp", [](const Tensor& a) { matrix_exp(a); });
  square("cond", [](const Tensor& a) { cond(a, 1); });
}

TEST(LinalgErrors, WantLengthsThatFit) {
  const Tensor a = zeros_of({3, 3});
  expect_error<ShapeError>([&] { solve(a, zeros_of({2, 4})); }, {"solve", "[3, 3]", "[2, 4]", "equal n"});
  expect_error<ShapeError>([&] { solve_triangular(a, zeros_of({2, 4}), {}); }, {"[3, 3]", "[2, 4]"});
  expect_error<ShapeError>([&] { solve(zeros_of({2, 3, 3}), zeros_of({4, 3, 1})); }, {"solve", "[2]", "[4]"});
  expect_error<ShapeError>([&] { lstsq(a, zeros_of({4, 1})); }, {"lstsq", "[3, 3]", "[4, 1]", "equal m"});
  expect_error<ShapeError>([&] { matrix_norm(zeros_of({0, 3}), -2.0); }, {"no elements"});
}

TEST(LinalgErrors, WantOneFloatingType) {
  const Tensor integers = tensor(std::vector<std::int64_t>{1, 2, 3, 4}, {2, 2});
  expect_error<DtypeError>([&] { inverse(integers); }, {"inverse", "int64", "float32"});
  expect_error<DtypeError>([&] { svd(integers); }, {"svd", "int64"});
  expect_error<DtypeError>([&] { solve(zeros_of({2, 2}), zeros({2, 2}, Dtype::float64)); }, {"float32 and float64"});
}

TEST(LinalgErrors, NameTheMatrixThatFails) {
  const Tensor one_singular = matrices({1, 0, 0, 1, 1, 2, 2, 4, 3, 0, 0, 3, 0, 0, 0, 0}, {2, 2, 2, 2});
  expect_error<DataError>([&] { inverse(one_singular); },
                          {"inverse", "matrix [0, 1] of the batch [2, 2]", "singular", "lstsq"});
  expect_error<DataError>([&] { solve(one_singular, zeros({2, 1}, Dtype::float64)); }, {"solve", "[0, 1]", "singular"});
  expect_error<DataError>(
      [&] {
        solve(matrices({1, 2, 2, 4}, {2, 2}), zeros({2, 1}, Dtype::float64));
      },
      {"the matrix is singular"});
  const Tensor indefinite = matrices({2, 0, 0, 2, 1, 2, 2, 1}, {2, 2, 2});
  expect_error<DataError>([&] { cholesky(indefinite); },
                          {"cholesky", "matrix [1] of the batch [2]", "positive definite"});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor odd = matrices({1, 0, 0, 1, 1, nan, nan, 1}, {2, 2, 2});
  expect_error<DataError>([&] { cholesky(matrices({nan, 0, 0, 1}, {2, 2})); }, {"positive definite"});
  for (const Dtype dtype : {Dtype::float32, Dtype::float64}) {
    expect_error<DataError>([&] { svd(to(odd, dtype)); }, {"svd", "matrix [1]", "NaN"});
    expect_error<DataError>([&] { eigh(to(odd, dtype)); }, {"eigh", "matrix [1]", "NaN"});
    expect_error<DataError>([&] { inverse(to(one_singular, dtype)); }, {"matrix [0, 1]"});
    expect_error<DataError>([&] { cholesky(to(indefinite, dtype)); }, {"matrix [1]"});
  }
  expect_error<DataError>([&] { matrix_exp(odd); }, {"matrix_exp", "NaN"});
}

TEST(LinalgErrors, WantKnownOptions) {
  const Tensor a = zeros_of({2, 2});
  expect_error<UsageError>([&] { matrix_norm(a, "l2"); }, {"matrix_norm", "l2", "\"nuc\""});
  expect_error<UsageError>([&] { matrix_norm(a, 3.0); }, {"3", "infinity"});
  expect_error<UsageError>([&] { pinv(a, {.rtol = -1}); }, {"rtol -1", "from 0 on"});
}

TEST(LinalgErrors, CompleteQRHasNoGradientWhereItIsTall) {
  Tensor a = tensor(std::vector<float>{1, 0, 2, 1, 0, 3}, {3, 2});
  a.set_requires_grad(true);
  const Tensor loss = sum(qr(a, true).q);
  expect_error<UnsupportedError>([&] { loss.backward(); }, {"unsupported", "qr", "3", "2"});
}

TEST(LinalgEdges, TheLogarithmOfASingularDeterminantIsInfinitelySteep) {
  Tensor a = tensor(std::vector<float>{1, 2, 2, 4}, {2, 2});
  a.set_requires_grad(true);
  slogdet(a).logabsdet.backward();
  for (const float slope : a.gradient().to_vector<float>()) EXPECT_TRUE(std::isinf(slope));
}

TEST(LinalgHalf, GoesThroughFloat32) {
  Tensor a = tensor(std::vector<float>{4, 1, 1, 3}, {2, 2});
  a.set_requires_grad(true);
  const Tensor half = to(a, Dtype::bfloat16);
  const Tensor y = inverse(half);
  EXPECT_EQ(y.dtype(), Dtype::bfloat16);
  EXPECT_TRUE(allclose(to(y, Dtype::float32),
                       tensor(std::vector<float>{3.F / 11, -1.F / 11, -1.F / 11, 4.F / 11}, {2, 2}), 1e-2, 1e-2));
  sum(to(y, Dtype::float32)).backward();
  EXPECT_NEAR(a.gradient().to_vector<float>()[0], -(3.F / 11 - 1.F / 11) * (3.F / 11 - 1.F / 11), 2e-3);
}

}  // namespace
}  // namespace joist
