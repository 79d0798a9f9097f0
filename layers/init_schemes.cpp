// The schemes that depend on the shape of a weight: fans, orthogonal and sparse matrices, identities.
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/init.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace joist::init {
namespace {

Parameter of(const std::vector<float>& values, const Shape& shape) { return Parameter(Array::from(values, shape)); }

void require_matrix(const char* name, const Shape& shape) {
  if (shape.rank() != 2)
    throw ShapeError({.where = name, .what = "shape " + shape.text(), .expected = "a matrix [rows, columns]"});
}

// Standard normal numbers one after the other, in double.
std::vector<double> normals(std::int64_t count) {
  Random random(next_random_key(Stream::init));
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = static_cast<double>(random.normal());
  return values;
}

// Gram-Schmidt over rows of `length`, each freed of the others twice: once loses digits where rows are nearly parallel.
// The first rows keep their direction, as with the positive diagonal of R that makes the distribution uniform.
void orthonormalize(std::vector<double>& rows, std::int64_t count, std::int64_t length) {
  const auto row = [&](std::int64_t i) { return rows.data() + i * length; };
  for (std::int64_t i = 0; i < count; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t j = 0; j < i; ++j) {
        const double share = std::inner_product(row(i), row(i) + length, row(j), 0.0);
        for (std::int64_t k = 0; k < length; ++k) row(i)[k] -= share * row(j)[k];
      }
    const double norm = std::sqrt(std::inner_product(row(i), row(i) + length, row(i), 0.0));
    for (std::int64_t k = 0; k < length; ++k) row(i)[k] /= norm;
  }
}

double fan_of(const Shape& shape, const KaimingOptions& options) {
  const Fans fans = fans_of(shape);
  return options.fan == Fan::in ? fans.in : fans.out;
}

}  // namespace

Fans fans_of(const Shape& shape) {
  if (shape.rank() < 2)
    throw ShapeError({.where = "fans_of",
                      .what = "shape " + shape.text(),
                      .expected = "a weight [out, in, kernel …] with two axes or more",
                      .remedy = "uniform, normal or constant for vectors"});
  const auto area = static_cast<double>(shape.elements(2, shape.rank()));
  return {static_cast<double>(shape[1]) * area, static_cast<double>(shape[0]) * area};
}

double calculate_gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid: return 1;
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2.0 / (1 + slope * slope));
    case Nonlinearity::selu: break;
  }
  return 0.75;
}

Parameter xavier_uniform(const Shape& shape, double gain) {
  const Fans fans = fans_of(shape);
  return uniform(shape, gain * std::sqrt(6 / std::max(1.0, fans.in + fans.out)));
}

Parameter xavier_normal(const Shape& shape, double gain) {
  const Fans fans = fans_of(shape);
  return normal(shape, gain * std::sqrt(2 / std::max(1.0, fans.in + fans.out)));
}

Parameter kaiming_uniform(const Shape& shape, const KaimingOptions& options) {
  return uniform(shape, calculate_gain(options.nonlinearity, options.slope) *
                            std::sqrt(3 / std::max(1.0, fan_of(shape, options))));
}

Parameter kaiming_normal(const Shape& shape, const KaimingOptions& options) {
  return normal(shape,
                calculate_gain(options.nonlinearity, options.slope) / std::sqrt(std::max(1.0, fan_of(shape, options))));
}

Parameter orthogonal(const Shape& shape, double gain) {
  if (shape.rank() < 2)
    throw ShapeError({.where = "orthogonal", .what = "shape " + shape.text(), .expected = "two axes or more"});
  const std::int64_t rows = shape[0], columns = shape.elements(1, shape.rank());
  const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> drawn = normals(count * length);
  orthonormalize(drawn, count, length);
  std::vector<float> values(drawn.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      values[static_cast<std::size_t>(i * columns + j)] =
          static_cast<float>(gain * drawn[static_cast<std::size_t>(rows <= columns ? i * length + j : j * length + i)]);
  return of(values, shape);
}

Parameter sparse(const Shape& shape, double sparsity, double deviation) {
  require_matrix("sparse", shape);
  if (!(sparsity >= 0 && sparsity <= 1))
    throw UsageError(
        {.where = "sparse", .what = "sparsity " + std::to_string(sparsity), .expected = "a share from 0 to 1"});
  const auto zero = static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(shape[0])));
  const std::vector<double> drawn = normals(shape.elements());
  std::vector<float> values(drawn.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(deviation * drawn[i]);
  Random random(next_random_key(Stream::init));
  std::vector<std::int64_t> order(static_cast<std::size_t>(shape[0]));
  for (std::int64_t column = 0; column < shape[1]; ++column) {
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t k = 0; k < zero; ++k) {  // the first of a random permutation
      const auto other = k + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape[0] - k)));
      std::swap(order[static_cast<std::size_t>(k)], order[static_cast<std::size_t>(other)]);
      values[static_cast<std::size_t>(order[static_cast<std::size_t>(k)] * shape[1] + column)] = 0;
    }
  }
  return of(values, shape);
}

Parameter eye(const Shape& shape) {
  require_matrix("eye", shape);
  return Parameter(joist::eye(shape[0], shape[1]).value());
}

Parameter dirac(const Shape& shape, std::int64_t groups) {
  if (shape.rank() < 3 || shape.rank() > 5)
    throw ShapeError({.where = "dirac",
                      .what = "shape " + shape.text(),
                      .expected = "[out, in, kernel …] with one to three kernel axes"});
  if (groups < 1 || shape[0] % groups != 0)
    throw UsageError({.where = "dirac",
                      .what = std::to_string(groups) + " groups for shape " + shape.text(),
                      .expected = "a number that divides the " + std::to_string(shape[0]) + " output channels"});
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  const Strides strides = row_major(shape);
  const std::int64_t each = shape[0] / groups;
  for (std::int64_t group = 0; group < groups; ++group)
    for (std::int64_t channel = 0; channel < std::min(each, shape[1]); ++channel) {
      Shape centre = Shape::filled(shape.rank(), 0).with(0, group * each + channel).with(1, channel);
      for (int axis = 2; axis < shape.rank(); ++axis) centre[axis] = shape[axis] / 2;
      values[static_cast<std::size_t>(offset_of(centre, strides))] = 1;
    }
  return of(values, shape);
}

}  // namespace joist::init
