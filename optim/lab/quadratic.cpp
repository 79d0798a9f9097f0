#include <joist/core/ops.h>
#include <joist/optim/lab/quadratic.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

namespace joist::lab {
namespace {

// The numbers of numpy's RandomState: 53 bits from two words, normals by the polar method, the second of a pair kept.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : words_(seed) {}
  double uniform() {
    const auto a = static_cast<double>(static_cast<std::uint32_t>(words_()) >> 5);
    const auto b = static_cast<double>(static_cast<std::uint32_t>(words_()) >> 6);
    return (a * 67108864.0 + b) / 9007199254740992.0;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    double x = 0, y = 0, r = 0;
    do {
      x = 2.0 * uniform() - 1.0;
      y = 2.0 * uniform() - 1.0;
      r = x * x + y * y;
    } while (r >= 1.0 || r == 0.0);
    const double f = std::sqrt(-2.0 * std::log(r) / r);
    second_ = f * x;
    has_second_ = true;
    return f * y;
  }

 private:
  std::mt19937 words_;
  double second_ = 0;
  bool has_second_ = false;
};

using Matrix = std::vector<std::vector<double>>;

// A rotation drawn evenly from all, by the subgroup algorithm (Diaconis and Shahshahani 1987).
Matrix random_rotation(NumpyRandom& random, std::size_t dimensions) {
  const double angle = 2 * std::numbers::pi * random.uniform();
  Matrix rotation{{std::cos(angle), std::sin(angle)}, {-std::sin(angle), std::cos(angle)}};
  for (std::size_t d = 2; d < dimensions; ++d) {
    std::vector<double> x(d + 1);
    double length = 0;
    for (double& one : x) {
      one = random.normal();
      length += one * one;
    }
    double norm = 0;
    for (std::size_t i = 0; i <= d; ++i) {
      x[i] = (i == 0 ? 1.0 : 0.0) - x[i] / std::sqrt(length);
      norm += x[i] * x[i];
    }
    for (double& one : x) one /= std::sqrt(norm);
    Matrix larger(d + 1, std::vector<double>(d + 1));  // 1 and the old rotation, reflected across x
    larger[0][0] = 1;
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) larger[i + 1][j + 1] = rotation[i][j];
    for (std::size_t j = 0; j <= d; ++j) {
      double along = 0;
      for (std::size_t i = 0; i <= d; ++i) along += x[i] * larger[i][j];
      for (std::size_t i = 0; i <= d; ++i) larger[i][j] -= 2 * x[i] * along;
    }
    rotation = std::move(larger);
  }
  for (auto& row : rotation)
    for (double& one : row) one = -one;
  return rotation;
}

Array samples(std::uint32_t seed, std::int64_t rows) {
  NumpyRandom random(seed);
  std::vector<double> values(static_cast<std::size_t>(rows * QuadraticDeep::dimensions));
  for (double& one : values) one = static_cast<double>(static_cast<float>(0.6 * random.normal()));
  return Array::from(values, {rows, QuadraticDeep::dimensions});
}

QuadraticDeep make() {
  constexpr auto n = static_cast<std::size_t>(QuadraticDeep::dimensions);
  NumpyRandom random(42);
  std::vector<double> eigenvalues(n);
  for (std::size_t i = 0; i < n; ++i) eigenvalues[i] = i < 90 ? random.uniform(0, 1) : random.uniform(30, 60);
  const Matrix rotation = random_rotation(random, n);
  std::vector<double> hessian(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) hessian[i * n + j] += rotation[k][i] * eigenvalues[k] * rotation[k][j];
  const std::int64_t d = QuadraticDeep::dimensions;
  return {.hessian = Array::from(hessian, {d, d}),
          .eigenvalues = Array::from(eigenvalues, {d}),
          .train = samples(42, QuadraticDeep::samples),
          .test = samples(43, QuadraticDeep::test_rows)};
}

}  // namespace

const QuadraticDeep& quadratic_deep() {
  static const QuadraticDeep made = make();
  return made;
}

}  // namespace joist::lab
