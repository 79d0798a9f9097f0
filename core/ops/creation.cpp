// Tensors that depend on no other: nothing here is recorded.
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/random.h>
#include <joist/core/mode.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace joist {
namespace {

// A tensor computed on the host by position in row-major order, in double.
template <class Value>
Tensor by_position(const Shape& shape, Dtype dtype, Device device, Value&& value) {
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = value(static_cast<std::int64_t>(i));
  return to(to(Tensor(Array::from(values, shape)), dtype), device);
}

Tensor of_integers(const std::vector<std::int64_t>& values, const Shape& shape, Device device = cpu) {
  return to(Tensor(Array::from(values, shape)), device);
}

// Random numbers of a floating type: 16-bit ones are rounded from float32.
template <class Fill>
Tensor random(const char* name, const Shape& shape, Dtype dtype, Device device, Fill&& fill) {
  if (!is_floating(dtype))
    throw DtypeError(
        {.where = name, .what = std::string(name_of(dtype)) + " numbers", .expected = "a floating-point type"});
  const Dtype drawn = device.kind == Device::Kind::reference ? Dtype::float64 : Dtype::float32;
  Array array = Array::empty(shape, drawn, device);
  fill(kernels_of<RandomKernels>(array), array);
  return to(Tensor(std::move(array)), dtype);
}

std::vector<std::int64_t> triangle(std::int64_t rows, std::int64_t columns, std::int64_t diagonal, bool lower) {
  std::vector<std::int64_t> row, column;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      if (lower ? j - i <= diagonal : j - i >= diagonal) {
        row.push_back(i);
        column.push_back(j);
      }
  row.insert(row.end(), column.begin(), column.end());
  return row;
}

}  // namespace

Tensor zeros(const Shape& shape, Dtype dtype, Device device) { return Tensor::full(shape, 0, dtype, device); }
Tensor ones(const Shape& shape, Dtype dtype, Device device) { return Tensor::full(shape, 1, dtype, device); }
Tensor full(const Shape& shape, double value, Dtype dtype, Device device) {
  return Tensor::full(shape, value, dtype, device);
}
Tensor full_like(const Tensor& x, double value) {
  Array array = Array::like(x.value());
  kernels_of<ElementwiseKernels>(array).fill(value, array);
  return Tensor(std::move(array));
}
Tensor zeros_like(const Tensor& x) { return full_like(x, 0); }
Tensor ones_like(const Tensor& x) { return full_like(x, 1); }
Tensor empty(const Shape& shape, Dtype dtype, Device device) { return Tensor(Array::empty(shape, dtype, device)); }
Tensor tensor(const std::vector<float>& values, const Shape& shape) { return Tensor(Array::from(values, shape)); }
Tensor tensor(const std::vector<double>& values, const Shape& shape) { return Tensor(Array::from(values, shape)); }
Tensor tensor(const std::vector<std::int64_t>& values, const Shape& shape) {
  return Tensor(Array::from(values, shape));
}

Tensor arange(double start, double end, double step, Dtype dtype, Device device) {
  if (!(step != 0) || (end - start) / step < 0 || !std::isfinite((end - start) / step))
    throw UsageError(
        {.where = "arange",
         .what = "from " + std::to_string(start) + " to " + std::to_string(end) + " by " + std::to_string(step),
         .expected = "a step that is not 0 and leads from start to end"});
  const auto count = static_cast<std::int64_t>(std::ceil((end - start) / step));
  if (!is_floating(dtype)) {  // as in PyTorch, as many numbers, but integers count from an integer by an integer
    start = std::trunc(start);
    step = std::trunc(step);
  }
  return by_position({count}, dtype, device, [&](std::int64_t i) { return start + step * static_cast<double>(i); });
}

Tensor linspace(double start, double end, std::int64_t count, Dtype dtype, Device device) {
  if (count < 0)
    throw UsageError({.where = "linspace", .what = std::to_string(count) + " numbers", .expected = "0 or more"});
  if (!is_floating(dtype)) {
    start = std::trunc(start);
    end = std::trunc(end);
  }
  const double step = count > 1 ? (end - start) / static_cast<double>(count - 1) : 0;
  // From both ends, so that both are exact.
  return by_position({count}, dtype, device, [&](std::int64_t i) {
    return i < (count + 1) / 2 ? start + step * static_cast<double>(i)
                               : end - step * static_cast<double>(count - 1 - i);
  });
}

Tensor logspace(double start, double end, std::int64_t count, double base, Dtype dtype, Device device) {
  const bool whole = !is_floating(dtype);  // as in PyTorch, integers are powers between integers
  const Tensor exponents =
      linspace(whole ? std::trunc(start) : start, whole ? std::trunc(end) : end, count, Dtype::float64, device);
  return to(pow(Tensor::full({}, base, Dtype::float64, device), exponents), dtype);
}

Tensor eye(std::int64_t rows, std::int64_t columns, Dtype dtype, Device device) {
  const std::int64_t width = columns < 0 ? rows : columns;
  return by_position({rows, width}, dtype, device, [&](std::int64_t i) { return i / width == i % width ? 1.0 : 0.0; });
}

std::vector<Tensor> meshgrid(std::span<const Tensor> vectors, bool xy) {
  Shape shape = Shape::filled(static_cast<int>(vectors.size()), 1);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (vectors[i].rank() > 1)
      throw ShapeError({.where = "meshgrid", .what = "input " + vectors[i].shape().text(), .expected = "vectors"});
    shape[static_cast<int>(i)] = vectors[i].value().elements();
  }
  std::vector<Tensor> grids;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto axis = static_cast<int>(i);
    const Tensor grid = expand(reshape(vectors[i], Shape::filled(shape.rank(), 1).with(axis, shape[axis])), shape);
    grids.push_back(xy && shape.rank() > 1 ? transpose(grid, 0, 1) : grid);
  }
  return grids;
}

Tensor tril_indices(std::int64_t rows, std::int64_t columns, std::int64_t diagonal) {
  const auto indices = triangle(rows, columns, diagonal, true);
  return of_integers(indices, {2, static_cast<std::int64_t>(indices.size() / 2)});
}
Tensor triu_indices(std::int64_t rows, std::int64_t columns, std::int64_t diagonal) {
  const auto indices = triangle(rows, columns, diagonal, false);
  return of_integers(indices, {2, static_cast<std::int64_t>(indices.size() / 2)});
}

Tensor rand(const Shape& shape, double low, double high, Dtype dtype, Device device) {
  const RandomKey key = next_random_key(Stream::noise);
  return random("rand", shape, dtype, device,
                [&](const RandomKernels& table, const Array& y) { table.uniform(key, low, high, y); });
}

Tensor randn(const Shape& shape, double mean, double deviation, Dtype dtype, Device device) {
  const RandomKey key = next_random_key(Stream::noise);
  return random("randn", shape, dtype, device,
                [&](const RandomKernels& table, const Array& y) { table.normal(key, mean, deviation, y); });
}

Tensor truncated_normal(const Shape& shape, double mean, double deviation, double low, double high, Dtype dtype,
                        Device device) {
  if (!(low < high) || !(deviation > 0))
    throw UsageError({.where = "truncated_normal",
                      .what = "bounds " + std::to_string(low) + " and " + std::to_string(high) + ", deviation " +
                              std::to_string(deviation),
                      .expected = "low < high and a deviation above 0"});
  // The inverse of the distribution function between its values at both bounds, in double.
  const auto distribution = [&](double x) { return 0.5 * std::erfc(-(x - mean) / (deviation * std::sqrt(2.0))); };
  const double from = distribution(low), upto = distribution(high);
  const NoGradient off;
  const Tensor u = to(rand(shape, 0, 1, Dtype::float32, device), Dtype::float64);
  const Tensor z = erfinv((u * (upto - from) + from) * 2.0 - 1.0) * (deviation * std::sqrt(2.0)) + mean;
  return to(clamp(z, low, high), dtype);
}

Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Device device) {
  if (low >= high)
    throw UsageError({.where = "randint",
                      .what = "from " + std::to_string(low) + " to below " + std::to_string(high),
                      .expected = "low < high"});
  Array array = Array::empty(shape, Dtype::int64, device);
  kernels_of<RandomKernels>(array).integers(next_random_key(Stream::noise), low, high, array);
  return Tensor(std::move(array));
}

Tensor randperm(std::int64_t count, Device device) {
  if (count < 0)
    throw UsageError({.where = "randperm", .what = std::to_string(count) + " numbers", .expected = "0 or more"});
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  Random random(next_random_key(Stream::noise));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return of_integers(order, {count}, device);
}

Tensor bernoulli(const Tensor& probability) {
  Array array = Array::like(probability.value());
  kernels_of<RandomKernels>(array).bernoulli(next_random_key(Stream::noise), probability.value(), array);
  return Tensor(std::move(array));
}

Tensor exponential(const Shape& shape, double rate, Dtype dtype, Device device) {
  if (!(rate > 0))
    throw UsageError({.where = "exponential", .what = "rate " + std::to_string(rate), .expected = "above 0"});
  const NoGradient off;
  return log1p(-rand(shape, 0, 1, dtype, device)) * (-1 / rate);
}

Tensor multinomial(const Tensor& weights, std::int64_t count, bool replacement) {
  if (weights.rank() < 1 || weights.rank() > 2 || weights.shape(-1) == 0 || count < 1)
    throw ShapeError({.where = "multinomial",
                      .what = "weights " + weights.shape().text() + ", " + std::to_string(count) + " draws",
                      .expected = "weights [n] or [rows, n] and at least one draw"});
  const std::int64_t n = weights.shape(-1), rows = weights.value().elements() / n;
  const auto values = contiguous(to(to(weights.detach(), cpu), Dtype::float64)).value().to_vector<double>();
  Random random(next_random_key(Stream::noise));
  std::vector<std::int64_t> drawn;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> left(values.begin() + row * n, values.begin() + (row + 1) * n);
    std::int64_t positive = 0;
    for (const double weight : left) {
      if (!(weight >= 0) || std::isinf(weight))
        throw DataError({.where = "multinomial",
                         .what = "weight " + std::to_string(weight) + " in row " + std::to_string(row),
                         .expected = "finite weights that are not negative"});
      positive += weight > 0;
    }
    if (positive == 0 || (!replacement && count > positive))
      throw UsageError({.where = "multinomial",
                        .what = std::to_string(count) + " draws from " + std::to_string(positive) +
                                " weights above 0 in row " + std::to_string(row),
                        .expected = "at least as many weights above 0 as draws",
                        .remedy = "fewer draws, or replacement"});
    for (std::int64_t draw = 0; draw < count; ++draw) {
      const double total = std::accumulate(left.begin(), left.end(), 0.0);
      const double word = static_cast<double>(random.below(std::uint64_t{1} << 53)) * 0x1p-53;
      double target = word * total;
      std::int64_t chosen = -1;
      for (std::int64_t i = 0; i < n; ++i) {
        const double weight = left[static_cast<std::size_t>(i)];
        if (weight <= 0) continue;
        chosen = i;  // rounding may leave a rest: then the last one above 0
        if (target < weight) break;
        target -= weight;
      }
      drawn.push_back(chosen);
      if (!replacement) left[static_cast<std::size_t>(chosen)] = 0;
    }
  }
  return of_integers(drawn, weights.shape().with(-1, count), weights.device());
}

}  // namespace joist
